"""Endpoints that the operator has asked instead of the public registries: ``PLUGINS_REGISTRY_MIRRORS``."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.registry.hosts import REGISTRY_TYPES
from worker.registries.http.origin import Origin, parse_url


@dataclass(frozen=True, slots=True)
class Mirror:
    """A trusted OCI endpoint: it may lie in a private network. ``path`` goes in front of repository names."""

    origin: Origin
    path: str = ""


def parse_mirrors(value: str) -> Mapping[str, Mirror]:
    """From ``TYPE=URL,...`` (``http[s]://host[:port][/path]``). Raises ``ValueError`` naming the entry."""
    mirrors: dict[str, Mirror] = {}
    for entry in (part.strip() for part in value.split(",")):
        if not entry:
            continue
        registry_type, _, url = (part.strip() for part in entry.partition("="))
        if registry_type not in REGISTRY_TYPES:
            raise ValueError(
                f"entry for {registry_type!r}: the types are {', '.join(sorted(REGISTRY_TYPES))}"
            )
        if registry_type in mirrors:
            raise ValueError(f"entry for {registry_type}: there are two")
        try:
            mirrors[registry_type] = parse_mirror(url)
        except ValueError as fault:
            raise ValueError(f"entry for {registry_type}: {fault}") from None
    return mirrors


def parse_mirror(url: str) -> Mirror:
    """A mirror from its URL. Raises ``ValueError``, without the URL, which may hold what it should not."""
    origin, path = parse_url(url)
    if "?" in path or "#" in path:
        raise ValueError("the URL must be http[s]://host[:port][/path]")
    return Mirror(origin, path.strip("/"))
