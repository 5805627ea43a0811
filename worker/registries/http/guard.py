"""Dialling without being led astray: every address is checked, and the checked address is the one dialled.

Checking a name and then letting a library resolve it again would leave a gap for a name that changes in
between. So the connections of this adapter resolve by themselves, once, and keep the name for SNI,
certificate and Host.
"""

import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

import certifi
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Retry

from worker.domain.registry.addresses import Address, is_forbidden, parse_address
from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.http.bounds import BoundedResponse, BoundedSocket, BoundedSSLSocket, bounded
from worker.registries.http.origin import Origin, parse_url

Resolver = Callable[[str, int], Sequence[str]]
"""``(host, port) -> addresses``; raises ``OSError`` if there are none."""

_DIALS = 3
_CONNECTIONS = 64  # kept alive to each host


class DialRefused(Exception):
    """Raised instead of dialling. It is not an ``OSError``: urllib3 would take one for a network failure."""


def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guard:
    """Decides what may be dialled.

    ``allowed``: the hosts that callers may name. ``trusted``: origins from the operator's settings, such as
    mirrors; they may lie in a private network. ``resolver``: names to addresses.
    """

    def __init__(
        self,
        allowed: AllowedRegistries,
        trusted: Collection[Origin] = (),
        resolver: Resolver = system_resolver,
    ) -> None:
        self._allowed = allowed
        self._trusted = frozenset(trusted)
        self._trusted_hosts = frozenset((origin.host, origin.port) for origin in trusted)
        self._resolver = resolver

    def check_url(self, url: str) -> Origin:
        """Return the origin of a URL to ask: HTTPS, or plain HTTP where that is allowed.

        Raises: ``DialRefused``.
        """
        try:
            origin, _ = parse_url(url)
        except ValueError:
            raise DialRefused("not a plain http or https URL") from None
        plain = origin.scheme == "http"
        if plain and origin not in self._trusted and self._allowed.scheme(origin.host, origin.port) != "http":
            raise DialRefused("plain HTTP is not allowed there")
        return origin

    def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, all of which may be dialled.

        Raises: ``DialRefused`` if one of them may not; ``OSError`` if there is none.
        """
        literal = parse_address(host)
        name = host if literal is None else f"[{literal}]" if literal.version == 6 else str(literal)
        found = [literal] if literal is not None else [parse_address(a) for a in self._resolver(host, port)]
        checked = [address for address in found if address is not None]
        if not checked:
            raise OSError("the name has no address")
        for address in checked:
            if not self._may_dial(name, port, address):
                raise DialRefused("an address of this host may not be dialled")
        return checked

    def _may_dial(self, host: str, port: int, address: Address) -> bool:
        if (host, port) in self._trusted_hosts:
            return not is_forbidden(address)
        return self._allowed.may_dial(host, port, address)

    def dial(self, host: str, port: int, timeout: float | None, options: Sequence[Any]) -> socket.socket:
        """Return a socket that is connected to one of the checked addresses; at most three are tried.

        ``timeout``: seconds for each, None: no limit of its own. ``options``: for ``setsockopt``.
        """
        failure: OSError = OSError("no address to dial")
        for address in list(dict.fromkeys(self.addresses(host, port)))[:_DIALS]:
            connection = BoundedSocket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
            try:
                for option in options:
                    connection.setsockopt(*option)
                connection.settimeout(bounded(timeout))
                connection.connect((str(address), port))
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure


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
