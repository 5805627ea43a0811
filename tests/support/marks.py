"""Marks of a stream, for sweeps in tests."""

from typing import Any

from worker.events.mark import Mark


class MemoryMark:
    """What the store knows of the mark, in memory."""

    def __init__(self) -> None:
        self.kept: str | None = None

    def read(self) -> str | None:
        return self.kept

    def keep(self, mark: str) -> None:
        self.kept = mark


def kept_mark(client: Any) -> Mark:
    """A mark as it is after a comparison."""
    mark = Mark(client, MemoryMark())
    mark.put()
    mark.keep()
    return mark
