"""What one request may take of a thread, whatever the server does: time, and pieces to read."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BufferedReader
from math import inf
from time import monotonic
from typing import Any

_PIECES = 65_536


class TooManyPieces(OSError):
    """Raised when an answer comes in more pieces than one request may take."""


@dataclass(slots=True)
class _Bounds:
    """What is left. ``ends``: monotonic seconds. ``pieces``: reads of the network, and lines."""

    ends: float
    pieces: int


_bounds: ContextVar[_Bounds | None] = ContextVar("bounds", default=None)


@contextmanager
def until(ends: float) -> Iterator[None]:
    """Bound all that this thread waits for in the block, and the pieces that it reads. ``ends``: monotonic
    seconds.

    A timeout for each read is not enough: a server that sends a byte now and then never runs into it. Nor is
    a limit of bytes: interim answers, chunks of one byte and trailers cost much work and few bytes of a body.
    """
    token = _bounds.set(_Bounds(ends, _PIECES))
    try:
        yield
    finally:
        _bounds.reset(token)


def bounded(timeout: float | None) -> float:
    """Return ``timeout``, or the rest of the time if that is less. Raises: ``TimeoutError`` if it is over."""
    bounds = _bounds.get()
    left = (bounds.ends if bounds else inf) - monotonic()
    if left <= 0:
        raise TimeoutError("the time for this image is over")
    return left if timeout is None else min(timeout, left)


def take_piece() -> None:
    """Count one read, or one line. Raises: ``TooManyPieces``."""
    if bounds := _bounds.get():
        bounds.pieces -= 1
        if bounds.pieces < 0:
            raise TooManyPieces("an answer in too many pieces")


class BoundedSocket(socket.socket):
    """A socket that reads within the bounds of its thread."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        take_piece()
        self.settimeout(bounded(self.gettimeout()))
        return super().recv_into(*args, **kwargs)


class BoundedSSLSocket(ssl.SSLSocket):
    """The same over TLS."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        take_piece()
        self.settimeout(bounded(self.gettimeout()))
        return super().recv_into(*args, **kwargs)


class BoundedResponse(HTTPResponse):
    """Reads lines within the bounds of its thread: http.client reads interim answers, the sizes of chunks and
    trailers by lines, as many as there are.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = _BoundedReader(self.fp.detach())


class _BoundedReader(BufferedReader):
    def readline(self, size: int | None = -1, /) -> bytes:
        take_piece()
        return super().readline(size)
