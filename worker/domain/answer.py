"""What an answer may hold: so many rows, so many bytes, and no object that Celery's callers cannot read."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

from contracts.commands import GetPlugin, ListPlugins, Read, StatPlugins
from contracts.errors import ResultTooLarge
from contracts.query import Query
from contracts.query.faults import invalid_query
from contracts.storable import KOMBU_TYPE, is_kombus_own
from contracts.values import MAX_ANSWER_BYTES

_BETWEEN = len(",")


class AnswerSize:
    """The size of an answer while it is put together, part by part: at most ``MAX_ANSWER_BYTES``.

    Counted as the answer is sent: JSON in ASCII, where a character may take six or twelve bytes.
    """

    def __init__(self) -> None:
        self._left = MAX_ANSWER_BYTES
        self._unmeasured: list[Any] = []
        self._bound = 0

    def add(self, part: Any, at_most: int | None = None) -> bool:
        """Add a JSON value; return False, and leave it out, if the answer has no room for it.

        ``at_most``: an upper bound of its size in bytes, if one is known without measuring. As long as the
        bounds together fit, which is nearly always, nothing is measured.
        """
        if at_most is not None and self._bound + at_most <= self._left:
            self._bound += at_most
            self._unmeasured.append(part)
            return True
        self._left -= sum(map(_size, self._unmeasured))
        self._unmeasured.clear()
        self._bound = 0
        size = _size(part)
        if size > self._left:
            return False
        self._left -= size
        return True


def _size(part: Any) -> int:
    return len(answer_text(part)) + _BETWEEN


def answer_text(answer: Any) -> str:
    """Return an answer as JSON in ASCII.

    ``json`` takes ten times as long for a float, and an answer may be 700,000 of them. But what has other
    characters is escaped by it: in a text with one of them, each character takes up to four bytes.
    """
    text = to_json(answer)
    return text.decode() if text.isascii() else json.dumps(answer)


def too_many_rows(max_results: int) -> ResultTooLarge:
    """Return the refusal of an answer of more than ``max_results`` rows."""
    return ResultTooLarge(
        f"the answer has more than {max_results} rows: page it", details={"max_results": max_results}
    )


def too_many_bytes() -> ResultTooLarge:
    """Return the refusal of an answer of more than ``MAX_ANSWER_BYTES``."""
    return ResultTooLarge(
        f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB: ask for fewer rows or fields",
        details={"max_bytes": MAX_ANSWER_BYTES},
    )


def check_readable(command: Read, answer: Any) -> None:
    """Refuse an answer to ``command``, a JSON value, with an object that Celery's callers cannot read.

    No stored object is such a one, so an answer of whole fields is not searched.

    Raises:
        InvalidQuery: the query made such an object.
    """
    path = _maker(command)
    if path and not _is_readable(answer):
        raise invalid_query(path, "no object of exactly __type__ and __value__ in the answer")


def _maker(command: Read) -> str | None:
    """Return the path of the part of a read that may make an object that is not stored, or None."""
    match command:
        case GetPlugin(only=[*only]) if _cuts(only):
            return "only"
        case ListPlugins(query=Query(only=only)) if _cuts(only):
            return "query.only"
        case StatPlugins(query=query) if query.aggregate:
            return "query.aggregate"
    return None


def _cuts(only: Iterable[str]) -> bool:
    return any(KOMBU_TYPE in key for key in only)


def _is_readable(value: Any) -> bool:
    if isinstance(value, dict):
        return not is_kombus_own(value) and all(map(_is_readable, value.values()))
    return not isinstance(value, list) or all(map(_is_readable, value))
