"""The HTTP connections of requests, each dialled by a guard."""

import socket
import ssl
from typing import Any, ClassVar

import certifi
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Retry

from worker.registries.http.bounds import BoundedResponse, BoundedSSLSocket
from worker.registries.http.guard import Guard

_CONNECTIONS = 64  # kept alive to each host


class _GuardedConnection(HTTPConnection):
    response_class = BoundedResponse
    guard: ClassVar[Guard]

    def _new_conn(self) -> socket.socket:
        return self.guard.dial(self._dns_host, self.port, _seconds(self.timeout), self.socket_options or ())


class _GuardedTLSConnection(HTTPSConnection):
    response_class = BoundedResponse
    guard: ClassVar[Guard]

    def _new_conn(self) -> socket.socket:
        return self.guard.dial(self._dns_host, self.port, _seconds(self.timeout), self.socket_options or ())


def _seconds(timeout: object) -> float | None:
    return float(timeout) if isinstance(timeout, int | float) else None


def _pools(of: Guard) -> dict[str, type[HTTPConnectionPool]]:
    """Return pool classes of one guard: urllib3 makes connections from classes, and passes them nothing."""

    class Connection(_GuardedConnection):
        guard = of

    class TLSConnection(_GuardedTLSConnection):
        guard = of

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class TLSPool(HTTPSConnectionPool):
        ConnectionCls = TLSConnection

    return {"http": Pool, "https": TLSPool}


class GuardedAdapter(HTTPAdapter):
    """A requests adapter whose every connection is dialled by a ``Guard``. For all threads.

    It is used without a ``requests.Session``, so that there is no cookie jar, no ``.netrc``, no proxy from
    the environment, and no redirect or retry by requests or urllib3. TLS is always verified.

    ``ca_file``: the only roots of trust; None: certifi's.
    """

    def __init__(self, guard: Guard, ca_file: str | None = None) -> None:
        self._guard = guard
        self._tls = ssl.create_default_context(cafile=ca_file or certifi.where())
        self._tls.sslsocket_class = BoundedSSLSocket
        retry = Retry(0, read=False, redirect=False, respect_retry_after_header=False)
        super().__init__(pool_connections=256, pool_maxsize=_CONNECTIONS, max_retries=retry)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        self.poolmanager = PoolManager(connections, maxsize=maxsize, block=block, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = _pools(self._guard)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context of the pool always verifies."""

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: Any,  # every connection verifies
        cert: Any = None,
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, True, None)
        return host, {}
