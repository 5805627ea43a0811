"""Docker Hub's own API, which lists the newest tags first and says how many there are."""

from dataclasses import dataclass
from typing import Any

from worker.domain.clock import Clock
from worker.domain.image import FetchFailed, TagList
from worker.registries.http.failure import failure_of, says_no
from worker.registries.http.session import RegistrySession, is_ok
from worker.registries.tags.names import Tags, read_list, read_object, strings_in
from worker.registries.tags.paging import following

API = "https://hub.docker.com"

_PAGE = 100  # the most that it gives


def list_docker_hub_tags(
    session: RegistrySession, base: str, name: str, known: frozenset[str] | None, clock: Clock
) -> TagList:
    """Return all tags of a repository, or only the newest page if nothing else is new.

    The pages are numbered: a tag that is deleted or comes to the front meanwhile moves others from one page
    to another, and past us. The listing is ``shifted`` then: it has fewer names than the API counted.

    ``base``: ``scheme://host[:port]`` of the API. ``name``: ``namespace/repository``. ``known``: the tags as
    last read; None: read everything.

    Raises: ``FetchFailed`` if no tags were read, or if Docker Hub asks to be left alone.
    """
    namespace, _, repository = name.partition("/")
    reading = _Reading(
        f"{base}/v2/namespaces/{namespace}/repositories/{repository}/tags"
        f"?page_size={_PAGE}&ordering=last_updated",
        session.caps.tags,
    )
    step = reading.first
    for number in range(1, session.caps.pages + 1):
        try:
            following_step = reading.take(_page(session, step, clock), number)
        except FetchFailed as failure:
            return reading.interrupted(step, failure)
        if following_step is None:
            return reading.result()
        step = following_step
        if number == 1 and known and reading.is_all_new(known):
            return TagList(reading.result().tags, complete=False)
    return reading.cut()


@dataclass(frozen=True, slots=True)
class _Step:
    """The way to a page. ``own``: we number it; else the API named it. ``doubtful``: it may not exist."""

    url: str
    own: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class _Page:
    """A page as it came.

    ``next``: whatever the API says of the next page. ``count``: how many tags it counts; 0: not known.
    """

    names: list[str]
    next: object
    count: int
    step: _Step


def _page(session: RegistrySession, step: _Step, clock: Clock) -> _Page:
    answer = session.get(step.url)
    if not is_ok(answer):
        raise failure_of(answer, clock.now().timestamp())
    document = read_object(answer.body)
    names = _names(read_list(document, "results"))
    return _Page(names, document.get("next"), _count(document), step)


class _Reading:
    """What was read of a list so far. ``url``: of the first page. ``most``: the highest number of tags."""

    def __init__(self, url: str, most: int) -> None:
        self.first = _Step(url)
        self._tags = Tags(most)
        self._named: set[str] = set()
        self._visited: set[str] = set()
        self._full = 0  # the tags of the first page
        self._counted = 0
        self._is_cut = False

    def take(self, page: _Page, number: int) -> _Step | None:
        """Add a page and return the way to the next one; None: this was the last one."""
        self._visited.add(page.step.url)
        self._full = self._full or len(page.names)
        before = len(self._named)
        self._tags.add(page.names)
        # Names that are no tags count too.
        self._named.update(page.names)
        self._counted = max(self._counted, page.count)
        if self._counted and not self._named:
            raise FetchFailed("malformed", detail="an answer that is not a list")
        self._is_cut = self._is_cut or self._tags.truncated
        is_old = len(self._named) == before
        if page.names and is_old and not self._counted:
            self._is_cut = True  # where there is a count, it tells what is missing
        if self._tags.truncated or (page.step.own and is_old):
            return None
        return self._next(page, number + 1)

    def is_all_new(self, known: frozenset[str]) -> bool:
        """Return whether the newest page holds every unknown tag, and no known tag is gone.

        That is so when the page reaches back to known tags, and both together are as many as the API counts.
        """
        newest = self._tags.seen()
        return not known.isdisjoint(newest) and self._counted == len(known.union(newest))

    def result(self) -> TagList:
        """Return what was read, once there is no next page."""
        shifted = not self._is_cut and len(self._named) < self._counted
        detail = "there are more tags than were read" if self._is_cut else ""
        return TagList(self._tags.names(), truncated=self._is_cut, shifted=shifted, detail=detail)

    def cut(self) -> TagList:
        """Return what was read, although there is more."""
        return TagList(self._tags.names(), truncated=True, detail="more pages than are read")

    def interrupted(self, step: _Step, failure: FetchFailed) -> TagList:
        """Return what was read before the page at ``step`` failed.

        Raises: ``failure`` if nothing was read, or if the host is to be left alone.
        """
        if failure.reason == "throttled" or not self._tags.seen():
            raise failure
        if step.doubtful and says_no(failure):
            return self.result()
        return TagList(self._tags.names(), truncated=True, failure=failure)

    def _next(self, page: _Page, number: int) -> _Step | None:
        own = f"{self.first.url}&page={number}"
        has_all = 0 < self._counted <= len(self._named)
        if page.next not in (None, ""):
            url = following(self.first.url, page.next) if isinstance(page.next, str) else None
            if url is not None and url not in self._visited:
                return _Step(url)
            return None if has_all else _Step(own, own=True)
        is_full = len(page.names) >= (self._full if self._counted else _PAGE)
        return _Step(own, own=True, doubtful=True) if page.names and is_full and not has_all else None


def _count(document: dict[str, Any]) -> int:
    count = document.get("count")
    return count if isinstance(count, int) else 0


def _names(results: list[Any]) -> list[str]:
    """Return the names of a page. Raises: ``FetchFailed`` if an entry has none."""
    return strings_in([result.get("name") if isinstance(result, dict) else None for result in results])
