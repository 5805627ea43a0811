"""Dialling without being led astray: every address is checked, and the checked address is the one dialled.

Checking a name and then letting a library resolve it again would leave a gap for a name that changes in
between. So a guard resolves once, and the name is kept for SNI, certificate and Host.
"""

import socket
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from worker.domain.registry.addresses import Address, is_forbidden, parse_address
from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.http.bounds import BoundedSocket, apart, bounded
from worker.registries.http.origin import Origin, parse_url
from worker.registries.http.proxy import Proxy
from worker.registries.http.tunnel import ProxyFailed, open_tunnel

Resolver = Callable[[str, int], Sequence[str]]
"""``(host, port) -> addresses``; raises ``OSError`` if there are none."""

_DIALS = 3

_NEVER = "it has an address that is never dialled, such as that of a metadata service"
_NOT_LISTED = (
    "it has an address that is not public, and PLUGINS_ALLOWED_REGISTRIES does not list both the host"
    " and a network with that address"
)

# Of the registry types with one host, and of Docker Hub's tokens.
_PUBLIC_HOSTS = frozenset(
    (host, 443)
    for host in ("hub.docker.com", "registry-1.docker.io", "auth.docker.io", "ghcr.io", "public.ecr.aws")
)


class DialRefused(Exception):
    """Raised instead of dialling. It is not an ``OSError``: urllib3 would take one for a network failure."""


def system_resolver(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver."""
    found = apart(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    return [str(info[4][0]) for info in found]


class Guard:
    """Decides what may be dialled.

    ``allowed``: the hosts that callers may name. ``trusted``: origins from the operator's settings, such as
    mirrors; they may lie in a private network. ``resolver``: names to addresses. ``proxy``: through which
    registries are reached; None: directly.
    """

    def __init__(
        self,
        allowed: AllowedRegistries,
        trusted: Collection[Origin] = (),
        resolver: Resolver = system_resolver,
        proxy: Proxy | None = None,
    ) -> None:
        self._allowed = allowed
        self._proxy = proxy
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
            raise DialRefused(f"PLUGINS_ALLOWED_REGISTRIES does not list {origin}, and plain HTTP needs that")
        return origin

    def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, all of which may be dialled.

        Raises: ``DialRefused`` if one of them may not; ``OSError`` if there is none.
        """
        checked = self._look_up(host, port)
        for address in checked:
            if not self._may_dial(host, port, address):
                raise DialRefused(_NEVER if is_forbidden(address) else _NOT_LISTED)
        return checked

    def _look_up(self, host: str, port: int) -> list[Address]:
        literal = parse_address(host)
        if literal is not None:
            return [literal]
        found = [parse_address(text) for text in self._resolver(host, port)]
        addresses = list(dict.fromkeys(address for address in found if address is not None))
        if not addresses:
            raise OSError("the name has no address")
        return addresses

    def _may_dial(self, host: str, port: int, address: Address) -> bool:
        name = _name(host)
        if (name, port) in self._trusted_hosts:
            return not is_forbidden(address)
        return self._allowed.may_dial(name, port, address)

    def dial(self, host: str, port: int, timeout: float | None, options: Sequence[Any]) -> socket.socket:
        """Return a socket that is connected to one of the checked addresses; at most three are tried.

        ``timeout``: seconds for each, None: no limit of its own. ``options``: for ``setsockopt``.

        Raises: ``DialRefused``, ``OSError``; ``ProxyFailed`` where a proxy is between.
        """
        proxy = self._proxy
        if proxy is None or proxy.spares(_name(host), port):
            return _connect(self.addresses(host, port), port, timeout, options)
        if proxy.looks_up and parse_address(host) is None:
            self._check_name(host, port)
            return self._dial_through(proxy, [f"{host}:{port}"], timeout, options)
        hint = "PLUGINS_REGISTRY_PROXY_NAMES lets the proxy look names up"
        try:
            addresses = self.addresses(host, port)
        except TimeoutError:
            raise ProxyFailed(f"its name is not found here in time; {hint}", "timeout") from None
        except OSError:
            raise ProxyFailed(f"its name is not known here; {hint}") from None
        if proxy.spares_all(addresses, port):
            return _connect(addresses, port, timeout, options)
        targets = [f"{_name(str(address))}:{port}" for address in addresses]
        return self._dial_through(proxy, targets, timeout, options)

    def _check_name(self, host: str, port: int) -> None:
        """Let only names go to a proxy that were written into the settings, or are public registries' own:
        where they lead is not checked here, and a registry must not choose a name inside.
        """
        is_trusted = (host, port) in self._trusted_hosts
        is_listed = self._allowed.scheme(host, port) is not None
        if not is_trusted and not is_listed and (host, port) not in _PUBLIC_HOSTS:
            raise DialRefused("its name goes to the proxy only if PLUGINS_ALLOWED_REGISTRIES lists it")

    def _dial_through(
        self, proxy: Proxy, targets: Sequence[str], timeout: float | None, options: Sequence[Any]
    ) -> socket.socket:
        failure = ProxyFailed("no address to dial")
        for target in targets[:_DIALS]:
            try:
                where = [a for a in self._look_up(proxy.host, proxy.port) if not is_forbidden(a)]
                connection = _connect(where, proxy.port, timeout, options)
            except TimeoutError:
                raise ProxyFailed("the proxy does not answer in time", "timeout") from None
            except OSError:
                raise ProxyFailed("the proxy is not reached") from None
            try:
                open_tunnel(connection, proxy, target, timeout)
            except ProxyFailed as failed:
                connection.close()
                failure = failed
                if not failed.may_try_on:
                    break
            else:
                return connection
        raise failure


def _name(host: str) -> str:
    """Return a host as the settings have it: IPv6 addresses in brackets."""
    literal = parse_address(host)
    if literal is None:
        return host
    return f"[{literal}]" if literal.version == 6 else str(literal)


def _connect(
    addresses: Sequence[Address], port: int, timeout: float | None, options: Sequence[Any]
) -> socket.socket:
    failure: OSError = OSError("no address to dial")
    for address in addresses[:_DIALS]:
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
