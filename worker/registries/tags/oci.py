"""The OCI Distribution client: every page of ``GET /v2/<name>/tags/list``."""

from typing import Any

from worker.registries.auth.account import Account
from worker.registries.auth.authorizer import Authorizer
from worker.registries.http.session import RegistrySession
from worker.registries.tags.names import Tags, read_list, read_object
from worker.registries.tags.paging import following, next_link

_PAGE = 1000  # private ECR refuses more


def list_oci_tags(
    session: RegistrySession, authorizer: Authorizer, base: str, name: str, account: Account
) -> Tags:
    """Return all tags of a repository.

    ``base``: ``scheme://host[:port]`` of the registry. ``account``: who asks.

    Raises: ``FetchFailed``.
    """
    tags = Tags(session.caps.tags)
    url = f"{base}/v2/{name}/tags/list?n={_PAGE}"
    visited = {url}
    for _ in range(session.caps.pages):
        answer = authorizer.get(session, url, account)
        tags.add(_names(read_object(answer.body)))
        reference = next_link(answer.headers.get("Link"))
        if reference is None or tags.truncated:
            return tags
        url = following(answer.url, reference, visited)
    tags.truncated = True
    return tags


def _names(document: dict[str, Any]) -> list[Any]:
    """Return the names of a page. Some registries write null for an empty list."""
    return [] if document.get("tags", ...) is None else read_list(document, "tags")
