"""URLs, read so strictly that no two parsers can disagree about the host."""

import re
from typing import NamedTuple
from urllib.parse import urljoin

from worker.domain.registry.allowed import Scheme, default_port, parse_authority

# Without re.ASCII some letters of other alphabets count as ours: U+017F is an "s" in either case.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#@\\]+)(?P<path>[/?][!\"$-~]*)?", re.IGNORECASE | re.ASCII
)
_MAX_URL = 8192


Place = tuple[str, int | None]
"""A host and its port; None: the port of whichever scheme is spoken there."""


class Origin(NamedTuple):
    """Scheme, lower-case host (IPv6 in brackets) and port of a URL."""

    scheme: Scheme
    host: str
    port: int

    @property
    def authority(self) -> str:
        return self.host if self.port == default_port(self.scheme) else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse_url(url: str) -> tuple[Origin, str]:
    """Return a URL as (origin, path with query).

    Raises: ``ValueError``, which never holds the URL, for other schemes, user names, fragments, zones of
    addresses, anything but printable ASCII, back slashes, and more than 8,192 characters.
    """
    match = _URL.fullmatch(url) if len(url) <= _MAX_URL and "\\" not in url else None
    if match is None:
        raise ValueError("the URL must be http[s]://host[:port][/path]")
    scheme: Scheme = "https" if match["scheme"].lower() == "https" else "http"
    host, port = parse_authority(match["authority"])
    return Origin(scheme, host, port or default_port(scheme)), match["path"] or "/"


def resolve(base: str, reference: str) -> str:
    """Return the absolute URL, without fragment, of a reference in the answer from ``base``.

    Raises: ``ValueError`` for a text that is not a URL reference.
    """
    return urljoin(base, reference.strip()).partition("#")[0]
