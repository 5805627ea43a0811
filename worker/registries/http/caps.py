"""How much of a registry's answer is taken, and how long it is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits of one image's fetch. Times are in seconds, sizes in bytes after decoding.

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
