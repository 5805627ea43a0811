"""The settings of registries, which are all comma-separated entries of ``NAME=VALUE``."""

import re
import ssl
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from worker.domain.image import PUBLIC_ECR_HOST
from worker.domain.registry.allowed import parse_authority, shown_entry
from worker.domain.registry.hosts import REGISTRY_TYPES, one_name
from worker.registries.http.caps import Caps
from worker.registries.http.origin import Origin, Place, parse_url
from worker.registries.kinds import Limit

K = TypeVar("K")
T = TypeVar("T")

_LIMIT = re.compile(r"(?P<rate>[0-9]*\.?[0-9]+)/(?P<at_once>[0-9]+)")
_HOST = re.compile(r"[^\s=,/]+")

# What may be given for each cap: an image's time stays well within its lease, its list within a document.
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "connect_s": (0.1, 30),
    "read_s": (0.1, 60),
    "image_s": (1, 60),
    "page_bytes": (1024, 64 * 1024 * 1024),
    "token_bytes": (1024, 1024 * 1024),
    "pages": (1, 10_000),
    "tags": (1, 50_000),
    "redirects": (0, 10),
}


def entries(text: str, read: Callable[[str, str], tuple[K, T]], known: Container[str] = ()) -> dict[K, T]:
    """Return the entries of a setting by the key that ``read(name, value)`` gives each.

    Empty entries are skipped. ``known``: the names that there are, where they are words of ours.

    Raises: ``ValueError``, if ``read`` raises one or if two entries have one key. It has the name of the
    entry, or its place where the name may hold a secret, and never its value.
    """
    found: dict[K, T] = {}
    for number, entry in enumerate(text.split(","), start=1):
        name, _, value = (part.strip() for part in entry.partition("="))
        if not name and not value:
            continue
        try:
            key, parsed = read(name, value)
            if key in found:
                raise ValueError("there are two")
        except ValueError as error:
            shown = repr(name) if name in known else shown_entry(name, number)
            raise ValueError(f"entry {shown}: {error}") from None
        found[key] = parsed
    return found


@dataclass(frozen=True, slots=True)
class Mirror:
    """A trusted OCI endpoint, which may lie in a private network.

    ``path``: goes in front of repository names, without slashes at its ends.
    """

    origin: Origin
    path: str = ""


def parse_mirrors(text: str) -> dict[str, Mirror]:
    """Return the mirrors in ``PLUGINS_REGISTRY_MIRRORS`` by registry type.

    ``text``: ``TYPE=URL,...`` with URLs ``http[s]://host[:port][/path]``.

    Raises: ``ValueError`` naming the entry.
    """

    def read(name: str, value: str) -> tuple[str, Mirror]:
        if name not in REGISTRY_TYPES:
            raise ValueError(f"the types are {', '.join(sorted(REGISTRY_TYPES))}")
        return name, parse_mirror(value)

    return entries(text, read, REGISTRY_TYPES)


def parse_mirror(url: str) -> Mirror:
    """Return the mirror at a URL.

    Raises: ``ValueError`` that does not show the URL, which may hold a password.
    """
    origin, path = parse_url(url)
    if "?" in path or "#" in path:
        raise ValueError("the URL must be http[s]://host[:port][/path]")
    return Mirror(origin, path.strip("/"))


def parse_realms(text: str) -> frozenset[tuple[Place, Place]]:
    """Return the pairs in ``PLUGINS_REGISTRY_REALMS``: a registry, and a place of its tokens.

    ``text``: ``host[:port]=host[:port],...``; a registry may have several. Without a port the entry is about
    the port of whichever scheme is spoken.

    Raises: ``ValueError`` naming the entry.
    """

    def read(name: str, value: str) -> tuple[tuple[Place, Place], None]:
        if not value:
            raise ValueError("must be host[:port]=host[:port] of a registry and of its tokens")
        try:
            return (parse_authority(name), parse_authority(value)), None
        except ValueError:
            raise ValueError("must be host[:port]=host[:port], without schemes, paths and *") from None

    return frozenset(entries(text, read))


def parse_ca_files(text: str) -> dict[str, str]:
    """Return the paths in ``PLUGINS_REGISTRY_CA_FILES`` by ``host[:port]``, 443 left out.

    ``text``: ``host[:port]=PATH,...`` of PEM files, each the only roots of trust for its host.

    Raises: ``ValueError`` naming the entry.
    """

    def read(name: str, value: str) -> tuple[str, str]:
        host, port = parse_authority(name)
        if not value:
            raise ValueError("must be host[:port]=PATH")
        try:
            ssl.create_default_context(cafile=value)
        except OSError:  # ssl.SSLError is one
            raise ValueError("the file cannot be read as PEM certificates") from None
        return (host if port in (None, 443) else f"{host}:{port}"), value

    return entries(text, read)


def parse_caps(text: str) -> Caps:
    """Return the caps in ``PLUGINS_REGISTRY_CAPS``; those that it does not name keep their default.

    ``text``: ``NAME=NUMBER,...`` with the names of ``Caps``.

    Raises: ``ValueError`` naming the entry.
    """

    def read(name: str, value: str) -> tuple[str, Any]:
        if name not in _BOUNDS:
            raise ValueError(f"the caps are {', '.join(_BOUNDS)}")
        least, most = _BOUNDS[name]
        try:
            number = float(value) if name.endswith("_s") else int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"must be a number from {least:g} to {most:g}")
        return name, number

    return Caps(**entries(text, read, _BOUNDS))


def parse_limits(text: str) -> dict[str, Limit]:
    """Return the limits in ``PLUGINS_REGISTRY_BUDGETS`` by budget group.

    ``text``: ``HOST=RATE/AT_ONCE,...``, where ``HOST`` is ``host[:port]``, any name of Docker Hub, or
    ``public.ecr.aws#CREDENTIAL``.

    Raises: ``ValueError`` naming the entry.
    """

    def read(name: str, value: str) -> tuple[str, Limit]:
        match = _LIMIT.fullmatch(value)
        if match is None or not _HOST.fullmatch(name):
            raise ValueError("must be host=REQUESTS_PER_SECOND/AT_ONCE, as in ghcr.io=5/4")
        limit = Limit(float(match["rate"]), int(match["at_once"]))
        if not 0.1 <= limit.rate <= 100_000:
            raise ValueError("the rate must be 0.1 to 100000 requests a second")
        if not 1 <= limit.at_once <= 1_000:
            raise ValueError("at once must be 1 to 1000")
        return _budget_group(name), limit

    return entries(text, read)


def _budget_group(name: str) -> str:
    host, separator, credential = name.partition("#")
    host = one_name(host)
    if separator and (host != PUBLIC_ECR_HOST or not credential):
        raise ValueError(f"a credential has a budget of its own at {PUBLIC_ECR_HOST} only")
    return host + separator + credential
