"""How much of a group is held together."""

from collections.abc import Iterable

_MAX_OUTCOMES_SIZE = 32 * 1024 * 1024
"""How large the outcomes of a group are together, in characters; they are in hand until all are told."""


class GroupTooLarge(Exception):
    """Raised when the plugins of a group are too large to be held together. Some may be written."""


def are_too_large(sizes: Iterable[int]) -> bool:
    """Return whether outcomes of such sizes are too large to be held together."""
    return sum(sizes) > _MAX_OUTCOMES_SIZE
