"""The OCI Distribution client: every page of ``GET /v2/<name>/tags/list``."""

from typing import Any

from worker.domain.image import FetchFailed, TagList
from worker.registries.auth.account import Account
from worker.registries.auth.authorizer import Authorizer
from worker.registries.http.failure import ErrorStatus
from worker.registries.http.session import RegistrySession
from worker.registries.tags.links import next_link
from worker.registries.tags.names import read_list, read_object, strings_in
from worker.registries.tags.reading import Page, Reading, Step

_SIZES = (1000, 100, None)
"""How many tags are asked for; private ECR refuses more than 1,000, and some registries refuse those."""

_TOO_MANY = frozenset({400, 405, 413, 414, 416, 422})


def list_oci_tags(
    session: RegistrySession, authorizer: Authorizer, base: str, name: str, account: Account
) -> TagList:
    """Return all tags of a repository, or those that were read, ``truncated``.

    ``base``: ``scheme://host[:port]`` of the registry. ``account``: who asks.

    Raises: ``FetchFailed`` if no tags were read, or if the registry asks to be left alone.
    """
    source = _Source(session, authorizer, account)
    page = source.first(f"{base}/v2/{name}/tags/list")
    reading = Reading(session.caps.tags, source.size)
    for _ in range(session.caps.pages - 1):
        step = reading.take(page)
        if step is None:
            return reading.result()
        try:
            page = source.page(step)
        except FetchFailed as failure:
            return reading.interrupted(step, failure)
    return reading.result() if reading.take(page) is None else reading.cut("more pages than are read")


class _Source:
    """Where the pages come from. ``size``: how many tags the registry lets us ask for; None: it does not."""

    def __init__(self, session: RegistrySession, authorizer: Authorizer, account: Account) -> None:
        self._session = session
        self._authorizer = authorizer
        self._account = account
        self.size: int | None = None

    def first(self, url: str) -> Page:
        """Return the first page, with as many tags as the registry gives."""
        for self.size in _SIZES:
            try:
                return self.page(Step(url if self.size is None else f"{url}?n={self.size}"))
            except ErrorStatus as failure:
                refused = failure
                if failure.status not in _TOO_MANY:
                    break
        raise refused

    def page(self, step: Step) -> Page:
        answer = self._authorizer.get(self._session, step.url, self._account)
        names = _names(read_object(answer.body))
        return Page(answer.url, names, next_link(answer.headers.get("Link")), step)


def _names(document: dict[str, Any]) -> list[str]:
    """Return the names of a page. Some registries write null for an empty list."""
    return [] if document.get("tags", ...) is None else strings_in(read_list(document, "tags"))
