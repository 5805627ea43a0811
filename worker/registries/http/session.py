"""The HTTP requests of one image: paced, bounded in time and size, redirected by hand."""

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from requests import PreparedRequest, RequestException, Response
from urllib3.exceptions import HTTPError

from worker.domain.image import BeforeRequest, FetchFailed
from worker.registries.caps import Caps
from worker.registries.http.guard import DialRefused, until
from worker.registries.http.origin import Origin, parse_url, resolve
from worker.registries.http.pools import Dialler

logger = logging.getLogger(__name__)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 64 * 1024
_USER_AGENT = "plugin-repository"


@dataclass(frozen=True, slots=True)
class Answer:
    """``url`` is where the answer came from, after redirects; the ``body`` is that of a 200, else empty."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def origin(self) -> Origin:
        return parse_url(self.url)[0]


class Conversation:
    """What is asked for one image. Not for more than one thread.

    ``take`` is called before each request; the time it takes is not the image's.
    Everything raises ``FetchFailed`` whose ``detail`` says nothing about the network; the log names the host.
    """

    def __init__(self, dialler: Dialler, caps: Caps, take: BeforeRequest | None) -> None:
        self.caps = caps
        self._dialler = dialler
        self._take = take
        self._ends = monotonic() + caps.image_s

    def get(self, url: str, authorization: str | None = None, limit: int | None = None) -> Answer:
        """The answer to a GET, whatever its status; of a 200 at most ``limit`` decoded bytes (default: a
        page's).

        Redirects are followed to what may be dialled, as many as the caps allow; ``authorization`` stays
        behind when scheme, host or port change.
        """
        origin = self._check(url)
        for _ in range(self.caps.redirects + 1):
            answer = self._once(origin, url, authorization, limit or self.caps.page_bytes)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or target is None:
                return answer
            url = _resolve(url, target)
            following = self._check(url)
            if not keeps_authorization(origin, following):
                authorization = None
            origin = following
        raise FetchFailed("refused", detail="redirected too often")

    def _check(self, url: str) -> Origin:
        try:
            return self._dialler.guard.check_url(url)
        except DialRefused as refusal:
            logger.warning("registry URL refused: %s", refusal)
        raise FetchFailed("refused", detail="a URL that may not be asked")

    def _once(self, origin: Origin, url: str, authorization: str | None, limit: int) -> Answer:
        self._pace()
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": _USER_AGENT}
        if authorization is not None:
            headers["Authorization"] = authorization
        timeout = (self.caps.connect_s, self.caps.read_s)
        answered = False
        try:
            request = PreparedRequest()
            request.prepare(method="GET", url=url, headers=headers)
            with until(self._ends):
                response = self._dialler.adapter(origin).send(request, stream=True, timeout=timeout)
                answered = True
                try:
                    body = _body(response, limit)
                except BaseException:
                    response.close()
                    raise
        except DialRefused as refusal:
            logger.warning("registry %s refused: %s", origin, refusal)
            failure = FetchFailed("refused", detail="a host that may not be asked")
        except (RequestException, HTTPError, OSError) as fault:
            # Only the kind of fault: the request that requests attaches to it holds the credentials.
            logger.info("registry %s did not answer: %s", origin, type(fault).__name__)
            failure = FetchFailed("unavailable", detail="no answer", unreachable=not answered)
        else:
            return Answer(response.status_code, response.headers, body, url)
        raise failure

    def _pace(self) -> None:
        started = monotonic()
        if self._take is not None:
            self._take()
        self._ends += monotonic() - started
        if monotonic() >= self._ends:
            raise FetchFailed("unavailable", detail="took too long")


def _resolve(url: str, target: str) -> str:
    try:
        return resolve(url, target)
    except ValueError:
        raise FetchFailed("refused", detail="a URL that may not be asked") from None


def _body(response: Response, limit: int) -> bytes:
    """The body of a 200. Any other answer says all by its status, and its body may be anything."""
    if response.status_code == HTTPStatus.OK:
        return _read(response, limit)
    response.close()
    return b""


def _read(response: Response, limit: int) -> bytes:
    """The body, decoded here piece by piece, so that few bytes never become many before they count."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise FetchFailed("unavailable", detail="an answer in an encoding that was not asked for")
    unzip = zlib.decompressobj(wbits=31) if encoding.endswith("gzip") else None
    pieces: list[bytes] = []
    received = size = 0
    while piece := response.raw.read(_CHUNK, decode_content=False):
        received += len(piece)
        if unzip is not None:
            try:
                piece = unzip.decompress(piece, limit - size + 1)
            except zlib.error:
                raise FetchFailed("unavailable", detail="an answer that cannot be decoded") from None
        size += len(piece)
        if size > limit or received > limit:
            raise FetchFailed("unavailable", detail="an answer that is too large")
        pieces.append(piece)
    if unzip is not None and received and not unzip.eof:
        raise FetchFailed("unavailable", detail="an answer that cannot be decoded")
    return b"".join(pieces)


def keeps_authorization(origin: Origin, following: Origin) -> bool:
    """Whether what was meant for ``origin`` may be sent to where it redirects."""
    return following == origin


def is_ok(answer: Answer) -> bool:
    return answer.status == HTTPStatus.OK
