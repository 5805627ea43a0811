"""The places at which a registry lets its pages begin, and whether one of them was left out."""

from collections.abc import Collection, Set

from worker.domain.versions import is_version_name


class Cursors:
    """The ``last`` of each link of one list.

    It is the name of a tag, or something that only the registry understands: a number, or an opaque text.
    """

    def __init__(self) -> None:
        self._cursors: set[str] = set()
        self._beyond: str | None = None  # a cursor that is not a tag of its page
        self._jumped = False

    def add(self, cursor: str | None, names: Collection[str], count: int) -> None:
        """Add the cursor of a link. ``names``: the tags of its page. ``count``: how many were read so far."""
        if cursor is None or not is_version_name(cursor) or cursor == str(count):
            return
        self._cursors.add(cursor)
        if names and max(names) < cursor:
            self._beyond = cursor

    def begin(self, names: Collection[str]) -> None:
        """Take the page that the last cursor led to."""
        if self._beyond is not None and (not names or self._beyond < min(names)):
            self._jumped = True
        self._beyond = None

    def skip(self, seen: Set[str]) -> bool:
        """Return whether tags between two pages were left out. ``seen``: all tags that were read.

        They were if a cursor was not read in a list whose other cursors are tags, or if it lies between two
        pages, or behind the last one.
        """
        return self._jumped or (not self._cursors <= seen and not self._cursors.isdisjoint(seen))
