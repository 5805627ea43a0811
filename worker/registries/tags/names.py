"""Gathering tag names from pages, each once, as far as the cap."""

import json
from collections.abc import Iterable, Set
from typing import Any

from worker.domain.image import FetchFailed
from worker.domain.versions import is_version_name

# Lists and objects take twenty times their two characters in memory. A page of tags needs few; gcr.io adds
# some for each image.
_CONTAINERS = 200_000

_OCI_ERRORS = frozenset(
    {"UNAUTHORIZED", "DENIED", "NAME_UNKNOWN", "NAME_INVALID", "TOOMANYREQUESTS", "UNSUPPORTED"}
)
"""The codes of OCI Distribution that a list of tags may be answered with."""


class Tags:
    """The tags gathered so far. ``most``: their highest number; with more of them, ``truncated`` is set."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: dict[str, None] = {}
        self.truncated = False

    def add(self, names: Iterable[str]) -> int:
        """Add the valid tag names and drop everything else. Return how many were new."""
        before = len(self._names)
        for name in names:
            if name not in self._names and is_version_name(name):
                if len(self._names) >= self._most:
                    self.truncated = True
                    break
                self._names[name] = None
        return len(self._names) - before

    def seen(self) -> Set[str]:
        """Return the tags as a set that grows with them."""
        return self._names.keys()

    def names(self) -> tuple[str, ...]:
        """Return the tags in the order in which they were added."""
        return tuple(self._names)


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. Raises: ``FetchFailed`` for anything else, however deep or odd."""
    if body.count(b"[") + body.count(b"{") > _CONTAINERS:
        raise FetchFailed("malformed", detail="an answer that is not a list of tags: too many objects in it")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise FetchFailed("malformed", detail=f"an answer that is not a list of tags: {_looks(body)}")
    return document


def read_list(document: dict[str, Any], key: str) -> list[Any]:
    """Return the list at ``key``.

    Raises: ``FetchFailed`` for anything else: an answer that does not mention tags does not mean "no tags".
    """
    values = document.get(key)
    if not isinstance(values, list):
        raise FetchFailed("malformed", detail=f"an answer that is not a list of tags: {_says(document, key)}")
    return values


def _looks(body: bytes) -> str:
    start = body[:1_000].lstrip(b"\xef\xbb\xbf\r\n\t ")
    if not start:
        return "it is empty"
    if start.startswith(b"<"):
        return "HTML or XML, such as a login page, or the page of a proxy on the way"
    return "not a JSON object"


def _says(document: dict[str, Any], key: str) -> str:
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    if isinstance(code, str) and code in _OCI_ERRORS:
        return f"an error with code {code}, with status 200"
    return f"JSON without a list of {key}"


def strings_in(values: list[Any]) -> list[str]:
    """Return the list itself.

    Raises: ``FetchFailed`` unless it holds only strings: what cannot be read could be a tag.
    """
    if not all(isinstance(value, str) for value in values):
        raise FetchFailed("malformed", detail="a list of tags that are not strings")
    return values
