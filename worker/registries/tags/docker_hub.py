"""Docker Hub's own API, which lists the newest tags first and says how many there are."""

from collections.abc import Callable, Iterable
from typing import Any

from worker.domain.image import FetchFailed, TagList
from worker.registries.http.session import Conversation, is_ok
from worker.registries.tags.failure import failure_of
from worker.registries.tags.names import Tags, read_list, read_object
from worker.registries.tags.paging import following

API = "https://hub.docker.com"


def list_tags(
    talk: Conversation, base: str, name: str, known: frozenset[str] | None, clock: Callable[[], float]
) -> TagList:
    """All tags of ``namespace/repository``, or only the newest page if that is all that is new.

    The pages are numbered: a tag that goes, or comes to the front, while they are read moves others from one
    page to another, and past us. Then there are fewer names than the API counted. Raises ``FetchFailed``.
    """
    namespace, _, repository = name.partition("/")
    tags = Tags(talk.caps.tags)
    url = (
        f"{base}/v2/namespaces/{namespace}/repositories/{repository}/tags?page_size=100&ordering=last_updated"
    )
    visited = {url}
    named: set[object] = set()
    counted = 0
    for page in range(talk.caps.pages):
        answer = talk.get(url)
        if not is_ok(answer):
            raise failure_of(answer, clock())
        document = read_object(answer.body)
        names = _names(read_list(document, "results"))
        tags.add(names)
        named.update(name for name in names if isinstance(name, str))
        counted = max(counted, _count(document))
        if counted and not named:
            raise FetchFailed("unavailable", detail="an answer that is no list")
        reference = document.get("next")
        if not isinstance(reference, str) or not reference or tags.truncated:
            shifted = not tags.truncated and len(named) < counted
            return TagList(tags.names(), truncated=tags.truncated, shifted=shifted)
        if page == 0 and known and _is_all_new(known, tags.names(), counted):
            return TagList(tags.names(), complete=False)
        url = following(answer.url, reference, visited)
    return TagList(tags.names(), truncated=True)


def _is_all_new(known: frozenset[str], newest: tuple[str, ...], count: int) -> bool:
    """Whether the newest page holds all that is not known, and nothing known is gone.

    So it is when the page reaches back to known tags, and both together are as many as the API counts.
    """
    return not known.isdisjoint(newest) and count == len(known.union(newest))


def _count(document: dict[str, Any]) -> int:
    count = document.get("count")
    return count if isinstance(count, int) else 0


def _names(results: Iterable[Any]) -> list[object]:
    return [result.get("name") for result in results if isinstance(result, dict)]
