"""The OCI Distribution client: every page of ``GET /v2/<name>/tags/list``."""

from typing import Any

from worker.registries.auth.authorizer import Account, Authorizer
from worker.registries.http.session import Conversation
from worker.registries.tags.names import Tags, read_list, read_object
from worker.registries.tags.paging import following, next_link

_PAGE = 1000  # private ECR refuses more


def list_tags(talk: Conversation, authorizer: Authorizer, base: str, name: str, account: Account) -> Tags:
    """All tags of a repository. ``base`` is ``scheme://host[:port]``. Raises ``FetchFailed``."""
    tags = Tags(talk.caps.tags)
    url = f"{base}/v2/{name}/tags/list?n={_PAGE}"
    visited = {url}
    for _ in range(talk.caps.pages):
        answer = authorizer.get(talk, url, account)
        tags.add(_names(read_object(answer.body)))
        reference = next_link(answer.headers.get("Link"))
        if reference is None or tags.truncated:
            return tags
        url = following(answer.url, reference, visited)
    tags.truncated = True
    return tags


def _names(document: dict[str, Any]) -> list[Any]:
    """The names of a page; null, as some registries write an empty list, is none."""
    return [] if document.get("tags", ...) is None else read_list(document, "tags")
