"""What a change did to a version list."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VersionsChange:
    """What a change did to a version list, newest first.

    ``initial``: there was no list before.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    initial: bool = False
