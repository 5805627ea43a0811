"""The HTTP requests of one image: paced, bounded in time and size, redirected by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from requests import PreparedRequest, RequestException, Response
from urllib3.exceptions import HTTPError

from worker.domain.image import BeforeRequest, FetchFailed, NoAnswer
from worker.registries.http.body import read_body
from worker.registries.http.bounds import until
from worker.registries.http.caps import Caps
from worker.registries.http.deadline import Deadline
from worker.registries.http.guard import DialRefused
from worker.registries.http.network_error import failure_of_error
from worker.registries.http.origin import Origin, parse_url, resolve
from worker.registries.http.pools import ConnectionPools
from worker.registries.http.tunnel import ProxyFailed

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USER_AGENT = "plugin-repository"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a GET.

    ``url``: where it came from, after redirects. ``body``: the decoded body of a 200; empty otherwise.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def origin(self) -> Origin:
        return parse_url(self.url)[0]


class RegistrySession:
    """The requests for one image. For one thread.

    Every method raises ``FetchFailed``; ``CutShort`` when the process ends.

    ``deadline``: of the image. ``before_request``: called before each request; its time does not count as the
    image's. None: nothing.
    ``home``: the registry, which the caller has named.
    """

    def __init__(
        self,
        pools: ConnectionPools,
        caps: Caps,
        deadline: Deadline,
        before_request: BeforeRequest | None,
        home: Origin,
    ) -> None:
        self.caps = caps
        self._home = home
        self._pools = pools
        self._before_request = before_request
        self._deadline = deadline

    def get(self, url: str, authorization: str | None = None, limit: int | None = None) -> Answer:
        """Return the answer to a GET, whatever its status.

        Redirects are followed to what may be dialled, as many as the caps allow.

        ``authorization``: the value of the header; it is not sent on when scheme, host or port change.
        ``limit``: the most decoded bytes of a 200; None: ``caps.page_bytes``.
        """
        origin = self._check(url)
        for _ in range(self.caps.redirects + 1):
            answer = self._once(origin, url, authorization, limit or self.caps.page_bytes)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or target is None:
                return answer
            url = _resolve(url, target)
            following = self._check(url, f"{origin.authority} leads to ")
            if not keeps_authorization(origin, following):
                authorization = None
            origin = following
        raise FetchFailed("not_allowed", detail="redirected too often")

    def _check(self, url: str, said: str = "") -> Origin:
        try:
            return self._pools.guard.check_url(url)
        except DialRefused as refusal:
            failure = FetchFailed("not_allowed", detail=f"{said}a URL that may not be asked: {refusal}")
        raise failure

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
            with until(self._deadline):
                response = self._pools.adapter(origin).send(request, stream=True, timeout=timeout)
                answered = True
                try:
                    body = _body(response, limit)
                except BaseException:
                    response.close()
                    raise
        except DialRefused as refusal:
            failure: FetchFailed = FetchFailed("not_allowed", detail=f"{origin.authority}: {refusal}")
        except ProxyFailed as failed:
            failure = failed.failure(origin.authority)
        except (RequestException, HTTPError, OSError) as error:
            # Not chained to the error: the request that requests attaches to it holds the credentials.
            failure = failure_of_error(error, origin, answered=answered)
        else:
            return Answer(response.status_code, response.headers, body, url)
        self._deadline.check()
        if origin != self._home and not answered:
            # A registry chose that host. Whether its name is known here, and what listens there, is for the
            # operator to know: neither the reason nor the circuit tells it.
            failure = NoAnswer("unreachable", detail=failure.detail)
        raise failure

    def _pace(self) -> None:
        started = monotonic()
        if self._before_request is not None:
            self._before_request()
        self._deadline.put_off(monotonic() - started)
        self._deadline.check()
        if self._deadline.left_s() <= 0:
            raise FetchFailed("timeout", detail="took too long")


def _resolve(url: str, target: str) -> str:
    try:
        return resolve(url, target)
    except ValueError:
        raise FetchFailed("not_allowed", detail="a URL that may not be asked") from None


def _body(response: Response, limit: int) -> bytes:
    """Return the body of a 200. Any other answer says everything by its status."""
    if response.status_code == HTTPStatus.OK:
        return read_body(response, limit)
    response.close()
    return b""


def keeps_authorization(origin: Origin, following: Origin) -> bool:
    """Return whether an authorization for ``origin`` may be sent to where it redirects."""
    return following == origin


def is_ok(answer: Answer) -> bool:
    """Return whether the status is 200."""
    return answer.status == HTTPStatus.OK
