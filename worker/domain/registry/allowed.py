"""The registries that an operator allows: ``PLUGINS_ALLOWED_REGISTRIES``."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal, Self

from worker.domain.registry.addresses import Address, is_forbidden, is_public, parse_address, unwrap

Scheme = Literal["http", "https"]

_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]{2,45}\]|[^\[\]:/?#@%\\\s]+)(?::(?P<port>[0-9]{1,5}))?")
_SHOWN = re.compile(
    r"(?:https?://)?[A-Za-z0-9_-]{0,32}(?:\.[A-Za-z0-9_-]{1,32}){1,8}(?::[0-9]{1,5})?(?:/[0-9]{1,3})?"
)
_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")


def parse_authority(text: str) -> tuple[str, int | None]:
    """Return ``host[:port]`` as (lower-case host, port or None). IPv6 addresses are in brackets, and stay so.

    Raises: ``ValueError`` for anything else: schemes, paths, user names, zones of addresses, letters that are
    ASCII in lower case alone (the Kelvin sign), and the short and odd spellings of
    IPv4 addresses (``127.1``, ``0x7f000001``) that resolvers take for addresses.
    """
    match = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        raise ValueError("must be host[:port]")
    host, port = match["host"], match["port"]
    number = int(port) if port else None
    if number is not None and not 1 <= number <= 65535:
        raise ValueError("the port must be between 1 and 65535")
    address = parse_address(host)
    if address is not None and (address.version == 6) == host.startswith("["):
        return (f"[{address}]" if address.version == 6 else str(address)), number
    host = host.removesuffix(".")
    if not _NAME.fullmatch(host) or _NUMERIC_LABEL.fullmatch(host.rsplit(".", 1)[-1]):
        raise ValueError("must be host[:port]")
    return host, number


def shown_entry(text: str, number: int) -> str:
    """Return an entry of a setting as an error may show it: its text if that is a host with dots, a port and
    a network, otherwise its place. Somebody may have written a password into it.
    """
    return repr(text) if _SHOWN.fullmatch(text) else str(number)


def default_port(scheme: Scheme) -> int:
    """Return the port of a URL that names none."""
    return 443 if scheme == "https" else 80


@dataclass(frozen=True, slots=True)
class _Entry:
    scheme: Scheme
    host: str = ""
    suffix: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    def matches(self, host: str, port: int | None) -> bool:
        if self.network is not None:
            address = parse_address(host)
            return address is not None and _holds(self.network, address)
        if self.suffix:
            return host.endswith(self.suffix)
        default = default_port(self.scheme)
        return host == self.host and (port or default) == (self.port or default)

    @property
    def weight(self) -> tuple[int, int]:
        """The order of entries: the more exact entry decides about the scheme."""
        if self.host:
            return (2, 0)
        return (1, len(self.suffix)) if self.suffix else (0, self.network.prefixlen if self.network else 0)


@dataclass(frozen=True, slots=True)
class AllowedRegistries:
    """The hosts that callers may name, and the private networks in which they may lie. Empty: none.

    An entry is ``host[:port]`` (exactly that port; without one 443, or 80 behind ``http://``), ``.suffix``
    (every name below it, any port) or a CIDR network (every address in it, any port; and names listed by
    another entry may resolve into it). ``http://`` in front means that plain HTTP is spoken there; otherwise
    TLS is. The most exact entry that matches decides.
    """

    entries: tuple[_Entry, ...] = ()

    @classmethod
    def parse(cls, value: str) -> Self:
        """Return the entries of a comma-separated text. Raises: ``ValueError`` naming the entry, or its place
        where the entry may hold a secret.
        """
        entries = []
        for number, text in enumerate((part.strip() for part in value.split(",")), start=1):
            if text:
                try:
                    entries.append(_parse_entry(text))
                except ValueError as error:
                    raise ValueError(f"entry {shown_entry(text, number)}: {error}") from None
        return cls(tuple(sorted(entries, key=lambda entry: entry.weight, reverse=True)))

    def scheme(self, host: str, port: int | None) -> Scheme | None:
        """Return how to speak to a host that a caller named; None if the host is not permitted."""
        for entry in self.entries:
            if entry.matches(host, port):
                return entry.scheme
        return None

    def lists(self, host: str, port: int) -> bool:
        """Return whether an entry is about a host, where one without a port is about all its ports."""
        anywhere = any(entry.host == host and entry.port is None for entry in self.entries)
        return anywhere or self.scheme(host, port) is not None

    def may_dial(self, host: str, port: int, address: Address) -> bool:
        """Return whether a connection for ``host:port`` may go to ``address``, to which the name resolved.

        A public address always may. A private one may if it is itself the host and listed, or if the host is
        listed and a listed network holds the address. Metadata services and the like never may.
        """
        if is_forbidden(address):
            return False
        if is_public(address):
            return True
        if not any(entry.matches(host, port) for entry in self.entries):
            return False
        if parse_address(host) is not None:
            return True
        return any(entry.network is not None and _holds(entry.network, address) for entry in self.entries)


def _holds(network: IPv4Network | IPv6Network, address: Address) -> bool:
    real = unwrap(address)
    return real.version == network.version and real in network


def _parse_entry(text: str) -> _Entry:
    plain = text.lower().startswith("http://")
    scheme: Scheme = "http" if plain else "https"
    rest = text[len("http://") :] if plain else text.removeprefix("https://")
    if "/" in rest:
        try:
            return _Entry(scheme, network=ip_network(rest))
        except ValueError:
            raise ValueError("must be host[:port], .suffix or a CIDR network without host bits") from None
    if rest.startswith("*."):
        raise ValueError("must be .suffix, without the *")
    if rest.startswith("."):
        name, port = parse_authority(rest[1:])
        if port is not None or parse_address(name) is not None:
            raise ValueError("a suffix is a name without a port")
        return _Entry(scheme, suffix=f".{name}")
    host, port = parse_authority(rest)
    return _Entry(scheme, host=host, port=port)
