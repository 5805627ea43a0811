"""How much of a registry's answer is taken, and how long it is waited for."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits of one image's fetch. Times in seconds, sizes in bytes after decoding.

    ``image_s`` covers everything that an image takes, however slowly its bytes drip. Past ``pages`` or
    ``tags`` a listing is truncated; past any other limit it fails.
    """

    connect_s: float = 3.0
    read_s: float = 10.0
    image_s: float = 60.0
    page_bytes: int = 8 * 1024 * 1024
    token_bytes: int = 64 * 1024
    pages: int = 200
    tags: int = 50_000
    redirects: int = 3


# What may be given for each: an image's time stays well within its lease, its list within a document.
_BOUNDS: dict[str, tuple[float, float]] = {
    "connect_s": (0.1, 30),
    "read_s": (0.1, 60),
    "image_s": (1, 60),
    "page_bytes": (1024, 64 * 1024 * 1024),
    "token_bytes": (1024, 1024 * 1024),
    "pages": (1, 10_000),
    "tags": (1, 50_000),
    "redirects": (0, 10),
}


def parse_caps(value: str) -> Caps:
    """The caps in ``PLUGINS_REGISTRY_CAPS``: ``NAME=NUMBER,...`` with the names of ``Caps``; those not named
    stay as they are.

    Raises ``ValueError`` naming the entry.
    """
    given: dict[str, Any] = {}
    for entry in (part.strip() for part in value.split(",")):
        if not entry:
            continue
        name, _, text = (part.strip() for part in entry.partition("="))
        if name not in _BOUNDS:
            raise ValueError(f"entry {entry!r}: the caps are {', '.join(_BOUNDS)}")
        if name in given:
            raise ValueError(f"entry {entry!r}: there are two")
        least, most = _BOUNDS[name]
        number = _number(text, float if name.endswith("_s") else int)
        if number is None or not least <= number <= most:
            raise ValueError(f"entry {entry!r}: must be a number from {least:g} to {most:g}")
        given[name] = number
    return Caps(**given)


def _number(text: str, kind: type[float] | type[int]) -> float | int | None:
    try:
        return kind(text)
    except ValueError:
        return None
