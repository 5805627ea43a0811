"""The body of an answer, decoded piece by piece: few bytes cannot become many before they are counted."""

import zlib
from collections.abc import Callable
from typing import Protocol

from requests import Response

from worker.domain.image import FetchFailed
from worker.registries.http.bounds import take_piece

_CHUNK = 64 * 1024
_GZIP = 31
_ZLIB = 15
_RAW = -15


class _Decoder(Protocol):
    def decode(self, piece: bytes, most: int) -> bytes:
        """Return what ``piece`` adds: ``most`` bytes are enough. Raises: ``zlib.error``."""

    def is_whole(self) -> bool:
        """Return whether nothing is missing at the end."""


class _Identity:
    def decode(self, piece: bytes, most: int) -> bytes:
        return piece[:most]

    def is_whole(self) -> bool:
        return True


class _Gzip:
    """One member or several, one behind the other (RFC 1952), and zeros behind the last."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=_GZIP)
        self._is_inside = False

    def decode(self, piece: bytes, most: int) -> bytes:
        pieces: list[bytes] = []
        while True:
            if not self._is_inside:
                piece = piece.lstrip(b"\0")
            if not piece or most <= 0:
                return b"".join(pieces)
            self._is_inside = True
            pieces.append(self._member.decompress(piece, most))
            most -= len(pieces[-1])
            piece = self._member.unused_data
            if self._member.eof:
                take_piece()  # a member may hold nothing, and costs the same
                self._member = zlib.decompressobj(wbits=_GZIP)
                self._is_inside = False

    def is_whole(self) -> bool:
        return not self._is_inside


class _Deflate:
    """The zlib format, or, as some servers have it, the bare data."""

    def __init__(self) -> None:
        self._head = b""
        self._data: zlib._Decompress | None = None

    def decode(self, piece: bytes, most: int) -> bytes:
        if self._data is None:
            self._head += piece
            if len(self._head) < 2:
                return b""
            piece, method = self._head, self._head[0] & 0x0F
            is_zlib = method == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            self._data = zlib.decompressobj(wbits=_ZLIB if is_zlib else _RAW)
        decoded = self._data.decompress(piece, most)
        if self._data.unused_data:
            raise zlib.error("data behind the end")
        return decoded

    def is_whole(self) -> bool:
        return self._data.eof if self._data is not None else not self._head


# Only gzip is asked for. Servers that send deflate all the same are understood.
_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
}


def read_body(response: Response, limit: int) -> bytes:
    """Return the decoded body. ``limit``: the most bytes of it, before and after decoding.

    Raises: ``FetchFailed``: malformed, for a body that is too large, broken, cut short, or in an encoding
    that was not asked for.
    """
    decoder = _decoder(response.headers.get("Content-Encoding", ""))
    pieces: list[bytes] = []
    received = size = 0
    while piece := _piece(response):
        received += len(piece)
        try:
            piece = decoder.decode(piece, limit - size + 1)
        except zlib.error:
            raise FetchFailed("malformed", detail="an answer that cannot be decoded") from None
        size += len(piece)
        if size > limit or received > limit:
            raise FetchFailed("malformed", detail="an answer that is too large")
        pieces.append(piece)
    if not decoder.is_whole():
        raise FetchFailed("malformed", detail="an answer that cannot be decoded: it is cut short")
    return b"".join(pieces)


def _decoder(encodings: str) -> _Decoder:
    names = [name.strip().lower() for name in encodings.split(",")]
    coded = [name for name in names if name not in ("", "identity")]
    if not coded:
        return _Identity()
    decoder = _DECODERS.get(coded[0]) if len(coded) == 1 else None
    if decoder is None:
        raise FetchFailed("malformed", detail="an answer in an encoding that was not asked for")
    return decoder()


def _piece(response: Response) -> bytes:
    try:
        piece: bytes = response.raw.read(_CHUNK, decode_content=False)
    except ValueError:  # a chunk of a negative size
        raise FetchFailed("malformed", detail="an answer that cannot be read") from None
    return piece
