"""What is kept of a message that is parked: all of it, or the beginning of a large one.

The scripts that park in Redis do the same, so that nobody has to read hundreds of megabytes: prelude.lua.
"""

from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final

KEPT_WHOLE: Final = 8 * 1024 * 1024
"""The largest message that is kept whole, in bytes."""

KEPT_OF_LARGER: Final = 64 * 1024
"""How much is kept of the beginning of a larger one, in bytes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a message.

    ``size``: the bytes of the whole message.
    ``digest``: of a message that is not kept whole, else None: the SHA-1, in hexadecimal digits, of its size
    as decimal digits, its first and its last 64 KiB. All of it would take Redis too long.
    """

    raw: bytes = field(repr=False)
    size: int
    digest: str | None = None


def cut(raw: bytes) -> Kept:
    """Return what is kept of a message."""
    if len(raw) <= KEPT_WHOLE:
        return Kept(raw, len(raw))
    ends = (str(len(raw)).encode(), raw[:KEPT_OF_LARGER], raw[-KEPT_OF_LARGER:])
    digest = sha1(b"".join(ends), usedforsecurity=False).hexdigest()
    return Kept(raw[:KEPT_OF_LARGER], len(raw), digest)
