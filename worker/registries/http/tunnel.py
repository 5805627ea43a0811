"""A tunnel through the operator's proxy."""

import socket
from http.client import HTTPException

from worker.domain.image import FailureReason, FetchFailed, NoAnswer
from worker.registries.http.bounds import BoundedResponse, bounded
from worker.registries.http.proxy import Proxy

_OK = range(200, 300)


class ProxyFailed(Exception):
    """Raised when the proxy makes no tunnel. It is not an ``OSError``: the proxy's word would be lost.

    ``reason``: what that means for the image. ``may_try_on``: another address of the host may be reached.
    """

    def __init__(self, what: str, reason: FailureReason = "unreachable", *, may_try_on: bool = False) -> None:
        super().__init__(what)
        self.reason: FailureReason = reason
        self.may_try_on = may_try_on

    def failure(self, host: str) -> FetchFailed:
        """Return what that means for a request to ``host``."""
        kind = FetchFailed if self.reason == "not_allowed" else NoAnswer
        return kind(self.reason, detail=f"no way to {host}: {self}")


def open_tunnel(connection: socket.socket, proxy: Proxy, target: str, timeout: float | None) -> None:
    """Turn a connection to the proxy into one to ``target``: ``host:port``.

    ``timeout``: seconds for the proxy's answer; None: no limit of its own.

    Raises: ``ProxyFailed``.
    """
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", "User-Agent: plugin-repository"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        connection.settimeout(bounded(timeout))
        connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        status = _status(connection)
        connection.settimeout(bounded(timeout))
    except TimeoutError:
        raise ProxyFailed("the proxy does not answer in time", "timeout") from None
    except (HTTPException, OSError):
        raise ProxyFailed("the proxy closes the connection, or does not speak HTTP") from None
    if status not in _OK:
        raise _refused(status, proxy)


def _status(connection: socket.socket) -> int:
    response = BoundedResponse(connection, method="CONNECT")
    try:
        response.begin()
        return response.status
    finally:
        response.close()


def _refused(status: int, proxy: Proxy) -> ProxyFailed:
    if status == 407:
        what = "demands a login" if proxy.authorization is None else "refuses the login"
        return ProxyFailed(f"the proxy {what} (407): see PLUGINS_REGISTRY_PROXY")
    if status == 403:
        return ProxyFailed("the proxy does not allow that (403)", "not_allowed")
    if status >= 500:
        return ProxyFailed(f"the proxy does not reach it ({status})", may_try_on=True)
    return ProxyFailed(f"the proxy makes no tunnel ({status})")
