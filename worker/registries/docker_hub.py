"""Docker Hub's own API, which lists the newest tags first and says how many there are."""

from collections.abc import Callable, Iterable
from typing import Any

from worker.domain.images import Listing
from worker.registries.conversation import Conversation, is_ok
from worker.registries.failure import failure_of
from worker.registries.paging import following
from worker.registries.tags import Tags, read_list, read_object

API = "https://hub.docker.com"


def list_tags(
    talk: Conversation, base: str, name: str, known: frozenset[str] | None, clock: Callable[[], float]
) -> Listing:
    """All tags of ``namespace/repository``, or only the newest page if that is all that is new.

    Raises ``FetchFailed``.
    """
    namespace, _, repository = name.partition("/")
    tags = Tags(talk.caps.tags)
    url = (
        f"{base}/v2/namespaces/{namespace}/repositories/{repository}/tags?page_size=100&ordering=last_updated"
    )
    visited = {url}
    for page in range(talk.caps.pages):
        answer = talk.get(url)
        if not is_ok(answer):
            raise failure_of(answer, clock())
        document = read_object(answer.body)
        names = _names(read_list(document, "results"))
        tags.add(names)
        reference = document.get("next")
        if not isinstance(reference, str) or not reference or tags.truncated:
            return Listing(tags.names(), truncated=tags.truncated)
        if page == 0 and known and _is_all_new(known, tags.names(), document.get("count")):
            return Listing(tags.names(), complete=False)
        url = following(answer.url, reference, visited)
    return Listing(tags.names(), truncated=True)


def _is_all_new(known: frozenset[str], newest: tuple[str, ...], count: object) -> bool:
    """Whether the newest page holds all that is not known, and nothing known is gone.

    So it is when the page reaches back to known tags, and both together are as many as the API counts.
    """
    return not known.isdisjoint(newest) and count == len(known.union(newest))


def _names(results: Iterable[Any]) -> list[object]:
    return [result.get("name") for result in results if isinstance(result, dict)]
