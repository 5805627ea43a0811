"""The operator's forward proxy, through which registries are reached: ``PLUGINS_REGISTRY_PROXY``."""

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from worker.domain.registry.addresses import Address
from worker.domain.registry.allowed import AllowedRegistries, parse_authority

_URL = re.compile(
    r"http://(?:(?P<user>[^:@/\s]+):(?P<password>[^:@/\s]*)@)?(?P<authority>[^@/\s]+)/?", re.ASCII
)
_FORM = "must be http://[user:password@]host:port, with user and password percent-encoded"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that makes tunnels (CONNECT).

    ``host``, ``port``: where it is. ``authorization``: the header with its login; None: it needs none.
    ``direct``: hosts and networks that are reached without it (``PLUGINS_REGISTRY_NO_PROXY``); a host without
    a port stands for all its ports.
    ``looks_up``: it is given names, and looks them up (``PLUGINS_REGISTRY_PROXY_NAMES``); otherwise it is
    given addresses that were looked up and checked here.
    """

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    direct: AllowedRegistries = field(default_factory=AllowedRegistries)
    looks_up: bool = False

    def spares(self, host: str, port: int) -> bool:
        """Return whether a host is reached without the proxy: it is listed, or an address in a network."""
        return self.direct.lists(host, port)

    def spares_all(self, addresses: Collection[Address], port: int) -> bool:
        """Return whether a name is reached without the proxy: all its addresses are in listed networks."""
        return all(self.spares(str(address), port) for address in addresses)


def parse_proxy(url: str) -> Proxy | None:
    """Return the proxy at a URL; None for an empty text. The user name and the password may be left out.

    Raises: ``ValueError``, which never shows the URL.
    """
    if not url:
        return None
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(_FORM)
    try:
        host, port = parse_authority(match["authority"])
    except ValueError:
        host, port = "", None
    if port is None:
        raise ValueError(_FORM)
    return Proxy(host, port, _authorization(match["user"], match["password"]))


def _authorization(user: str | None, password: str | None) -> str | None:
    if user is None or password is None:
        return None
    name = unquote_to_bytes(user)
    if b":" in name:
        raise ValueError("the user name of a proxy has no colon")
    return "Basic " + base64.b64encode(name + b":" + unquote_to_bytes(password)).decode("ascii")
