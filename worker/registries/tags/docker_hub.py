"""Docker Hub's own API, which lists the newest tags first and says how many there are."""

from collections.abc import Iterable
from typing import Any

from worker.domain.clock import Clock
from worker.domain.image import FetchFailed, TagList
from worker.registries.http.failure import failure_of
from worker.registries.http.session import RegistrySession, is_ok
from worker.registries.tags.names import Tags, read_list, read_object
from worker.registries.tags.paging import following

API = "https://hub.docker.com"


def list_docker_hub_tags(
    session: RegistrySession, base: str, name: str, known: frozenset[str] | None, clock: Clock
) -> TagList:
    """Return all tags of a repository, or only the newest page if nothing else is new.

    The pages are numbered: a tag that is deleted or comes to the front meanwhile moves others from one page
    to another, and past us. The listing is ``shifted`` then: it has fewer names than the API counted.

    ``base``: ``scheme://host[:port]`` of the API. ``name``: ``namespace/repository``. ``known``: the tags as
    last read; None: read everything.

    Raises: ``FetchFailed``.
    """
    namespace, _, repository = name.partition("/")
    tags = Tags(session.caps.tags)
    url = (
        f"{base}/v2/namespaces/{namespace}/repositories/{repository}/tags?page_size=100&ordering=last_updated"
    )
    visited = {url}
    named: set[object] = set()
    counted = 0
    for page in range(session.caps.pages):
        answer = session.get(url)
        if not is_ok(answer):
            raise failure_of(answer, clock.now().timestamp())
        document = read_object(answer.body)
        names = _names(read_list(document, "results"))
        tags.add(names)
        named.update(name for name in names if isinstance(name, str))
        counted = max(counted, _count(document))
        if counted and not named:
            raise FetchFailed("malformed", detail="an answer that is not a list")
        reference = document.get("next")
        if not isinstance(reference, str) or not reference or tags.truncated:
            shifted = not tags.truncated and len(named) < counted
            return TagList(tags.names(), truncated=tags.truncated, shifted=shifted)
        if page == 0 and known and _is_all_new(known, tags.names(), counted):
            return TagList(tags.names(), complete=False)
        url = following(answer.url, reference, visited)
    return TagList(tags.names(), truncated=True)


def _is_all_new(known: frozenset[str], newest: tuple[str, ...], count: int) -> bool:
    """Return whether the newest page holds every unknown tag, and no known tag is gone.

    That is so when the page reaches back to known tags, and both together are as many as the API counts.
    """
    return not known.isdisjoint(newest) and count == len(known.union(newest))


def _count(document: dict[str, Any]) -> int:
    count = document.get("count")
    return count if isinstance(count, int) else 0


def _names(results: Iterable[Any]) -> list[object]:
    return [result.get("name") for result in results if isinstance(result, dict)]
