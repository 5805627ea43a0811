"""The number of a version, as a text that sorts, and where it ends."""

import re
from typing import NamedTuple

from worker.domain.versions.suffix import FURTHER
from worker.domain.versions.words import WORD, is_commit, is_date, sortable

_PARTS = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_DAY = re.compile(
    r"((?:19|20)[0-9]{2})(?P<between>[-_])(0?[1-9]|1[0-2])(?P=between)(0?[1-9]|[12][0-9]|3[01])(?![0-9])"
    r"(?:T([0-9]{2})[-_]?([0-9]{2})(?:[-_]?([0-9]{2}))?Z?(?![0-9A-Za-z]))?"
)
_DAY_DIGITS = len("YYYYMMDD")
_ZERO = FURTHER + sortable("0")


class Number(NamedTuple):
    """The number of a version.

    ``key``: the text that sorts.
    ``end``: the index behind it.
    ``dotted``: it has several parts.
    ``date``: it is a day, with or without a time.
    """

    key: str
    end: int
    dotted: bool
    date: bool


def read_number(text: str, start: int) -> Number:
    """Return the number that begins at an index, where a digit stands.

    A day written with hyphens is one, a time behind a day goes after it, and 1.2 is the same as 1.2.0.
    """
    if day := _DAY.match(text, start):
        parts = [part for part in day.group(1, 3, 4, 5, 6, 7) if part]
        return Number(_key(parts), day.end(), dotted=True, date=True)
    found = _PARTS.match(text, start)
    parts = found[0].split(".") if found else [""]
    end = found.end() if found else start
    word = WORD.match(text, end - len(parts[-1]))
    if len(parts) > 1 and word and is_commit(word[0].lower()):  # 1.0.4d2f9e1
        end -= len(parts.pop()) + 1
    date = len(parts) == 1 and is_date(parts[0])
    key = _key([parts[0][:_DAY_DIGITS], parts[0][_DAY_DIGITS:]] if date else parts)
    return Number(key, end, dotted=len(parts) > 1, date=date)


def _key(parts: list[str]) -> str:
    keys = [FURTHER + sortable(part) for part in parts]
    while keys and keys[-1] == _ZERO:
        keys.pop()
    return "".join(keys)
