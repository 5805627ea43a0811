"""One reading of a list of tags: where it goes on, and whether it is whole at the end.

A list is whole if the protocol says so: a page without ``Link`` that is shorter than was asked for, or a page
behind the last tag that has no more. What cannot be followed is ``truncated``, with what was read.
"""

from collections.abc import Set
from dataclasses import dataclass

from worker.domain.image import FetchFailed, TagList
from worker.registries.http.failure import says_no
from worker.registries.tags.cursors import Cursors
from worker.registries.tags.names import Tags
from worker.registries.tags.paging import after, cursor_of, following

_FEWEST = 50


@dataclass(frozen=True, slots=True)
class Step:
    """The way to a page.

    ``cursor``: the tag behind which we ask, of ourselves; None: the registry named the page.
    ``doubtful``: there is probably no such page: the list is whole as the protocol has it.
    """

    url: str
    cursor: str | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came.

    ``url``: where from, after redirects. ``names``: as they are. ``link``: the reference of the next page, or
    None. ``step``: the way to it.
    """

    url: str
    names: list[str]
    link: str | None
    step: Step


class Reading:
    """What was read of a list so far.

    ``most``: the highest number of tags. ``size``: how many each request asks for; None: it does not say.
    """

    def __init__(self, most: int, size: int | None) -> None:
        self._tags = Tags(most)
        self._asked = size
        self._full = 0  # the tags of the first page
        self._visited: set[str] = set()
        self._cursors = Cursors()
        self._is_linked = False
        self._missing: str | None = None

    def take(self, page: Page) -> Step | None:
        """Add a page and return the way to the next one; None: this was the last one."""
        self._visited.update((page.step.url, page.url))
        self._full = self._full or len(page.names)
        self._cursors.begin(page.names)
        repeated = self._tags.seen() & set(page.names) - {page.step.cursor}
        fresh = self._tags.add(page.names)
        if self._tags.truncated:
            self._miss("more tags than are kept")
            return None
        if page.step.cursor is None:
            if repeated and not fresh:
                self._miss("a page came twice")
        elif not self._is_behind(page, repeated, fresh):
            return None
        return self._next(page)

    def result(self) -> TagList:
        """Return what was read, once there is no next page."""
        if self._cursors.skip(self._tags.seen()):
            self._miss("a page was left out")
        return TagList(self._tags.names(), truncated=self._missing is not None, detail=self._missing or "")

    def cut(self, why: str) -> TagList:
        """Return what was read, although there is more."""
        self._miss(why)
        return self.result()

    def interrupted(self, step: Step, failure: FetchFailed) -> TagList:
        """Return what was read before the page at ``step`` failed.

        Raises: ``failure`` if nothing was read, or if the host is to be left alone.
        """
        if failure.reason == "throttled" or not self._tags.seen():
            raise failure
        if step.doubtful and (self._is_linked or says_no(failure)):
            return self.result()
        return TagList(self._tags.names(), truncated=True, failure=failure)

    def _is_behind(self, page: Page, repeated: Set[str], fresh: int) -> bool:
        """Return whether a page is the one behind its cursor, so that a next one may follow."""
        if fresh and repeated:
            self._miss("the tags behind a tag are partly those before it")
        if fresh or not page.names:
            return True
        if page.step.doubtful and self._is_linked:
            return False
        # The list is whole if nothing but the cursor itself is behind it, or if the registry answers with all
        # tags although it was asked for fewer.
        seen = self._tags.seen()
        is_all = self._asked is not None and bool(seen) and seen <= set(page.names)
        if page.link is not None or not (is_all or page.names == [page.step.cursor]):
            self._miss("the registry does not look at the last tag")
        return False

    def _next(self, page: Page) -> Step | None:
        if page.link is not None:
            return self._linked(page, page.link)
        if not page.names:
            return None
        if page.step.cursor is not None:
            return self._after(page)
        if self._is_linked:
            return self._after(page, doubtful=True) if len(page.names) >= self._full else None
        if len(page.names) == self._asked:
            return self._after(page)
        return self._after(page, doubtful=True) if _is_round(len(page.names)) else None

    def _linked(self, page: Page, link: str) -> Step | None:
        """Return the way to the page that the registry named, or to what is behind this page."""
        url = following(page.url, link)
        if url is None or url in self._visited:
            if page.names:
                return self._after(page)
            self._miss("a next page that cannot be followed")
            return None
        self._is_linked = True
        self._cursors.add(cursor_of(link), page.names, len(self._tags.seen()))
        return Step(url)

    def _after(self, page: Page, *, doubtful: bool = False) -> Step | None:
        """Return the way to what is behind this page.

        It asks for one tag less than there were: an answer with as many again shows that the registry pays no
        attention to either parameter, and so has no more.
        """
        size = None if self._asked is None else max(1, min(self._asked, self._full - 1))
        url = after(page.url, page.names[-1], size)
        if url is None or url in self._visited:
            self._miss("a next page that cannot be asked for")
            return None
        return Step(url, page.names[-1], doubtful)

    def _miss(self, why: str) -> None:
        self._missing = self._missing or why


def _is_round(count: int) -> bool:
    """Return whether it may be the size of a registry's pages, and not the number of its tags."""
    return count >= _FEWEST and (count % 50 == 0 or count & (count - 1) == 0)
