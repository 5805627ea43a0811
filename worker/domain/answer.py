"""What an answer may be: how large, and nothing that its readers take for something else."""

import json
from collections.abc import Iterable
from typing import Any

from contracts.commands import GetPlugin, ListPlugins, Read, StatPlugins
from contracts.query import Query
from contracts.query.faults import invalid_query
from contracts.values import KOMBU_TYPE, MAX_ANSWER_BYTES, is_kombus_own

_BETWEEN = len(", ")


class Room:
    """What is left of ``MAX_ANSWER_BYTES`` while an answer is put together, part by part.

    Counted as the answer is sent: JSON in ASCII, where a character may take six or twelve bytes.
    """

    def __init__(self) -> None:
        self._left = MAX_ANSWER_BYTES
        self._unmeasured: list[Any] = []
        self._bound = 0

    def take(self, part: Any, at_most: int | None = None) -> bool:
        """Whether there is room for ``part``, a JSON value; it is then taken up.

        ``at_most`` is a size that it surely does not exceed, where one is known without measuring: as long as
        those fit, which is nearly always, nothing is measured.
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
    return len(json.dumps(part)) + _BETWEEN


def check_readable(command: Read, answer: Any) -> None:
    """Refuse an answer to ``command``, a JSON value, with an object that Celery's callers do not read as one.

    Raises ``InvalidQuery``. What is stored holds none, so that an answer of whole fields is not looked at.
    """
    path = _maker(command)
    if path and not _is_readable(answer):
        raise invalid_query(path, "no object of exactly __type__ and __value__ in the answer")


def _maker(command: Read) -> str | None:
    """The path of what in a read may make an object that nobody has stored; None if nothing does."""
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
