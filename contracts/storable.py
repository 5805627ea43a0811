"""The limits of JSON that the store can hold."""

import math
from collections.abc import Iterable
from typing import Any

from contracts.lengths import MAX_PATH_LENGTH, shortened

MAX_DEPTH = 32
"""The deepest nesting of a message's JSON; the keyword arguments themselves are level 1."""

KOMBU_TYPE = "__type__"
"""A key of every object that ``is_kombus_own``."""

_KOMBU_OBJECT = {KOMBU_TYPE, "__value__"}

INT64 = range(-(2**63), 2**63)
"""The integers that the store can hold."""


class Unstorable(ValueError):
    """Raised by ``check_json`` for a value that JSON or the store cannot hold; ``path``: where, ``reason``:
    why.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


def path_of(parts: Iterable[int | str], path: str = "") -> str:
    """Return field names and list indices as a path, appended to ``path``: ``("labels", 0)`` is
    ``labels[0]``. A long one is cut.
    """
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return shortened(path, MAX_PATH_LENGTH)


def check_json(value: Any, path: str = "", depth: int = 1) -> None:
    """Refuse a value that the store cannot hold: nesting over 32 levels, integers over 64 bits, NaN, NUL,
    lone surrogates, and objects that kombu would not read back as objects.

    ``path``: the path of ``value`` itself. ``depth``: its level.

    Raises: ``Unstorable``.
    """
    if isinstance(value, dict | list) and _is_storable(value, depth):
        return
    trail: list[int | str] = []
    if reason := _unstorable(value, trail, depth):
        raise Unstorable(path_of(reversed(trail), path), reason)


def _is_storable(parts: Any, depth: int) -> bool:
    """Return whether the store can hold an object or a list for certain: quick, and without a reason."""
    if depth > MAX_DEPTH:
        return False
    if type(parts) is dict:
        if not _has_storable_keys(parts):
            return False
        parts = parts.values()
    for part in parts:
        kind = type(part)
        if kind is str:
            if "\x00" in part or not (part.isascii() or bad_text(part) is None):
                return False
        elif kind is dict or kind is list:
            if (part or depth == MAX_DEPTH) and not _is_storable(part, depth + 1):
                return False
        elif not _is_storable_number(part):
            return False
    return True


def _has_storable_keys(value: dict[Any, Any]) -> bool:
    try:
        keys = "".join(value)
    except TypeError:
        return False
    return bad_text(keys) is None and not (KOMBU_TYPE in value and is_kombus_own(value))


def _is_storable_number(value: Any) -> bool:
    """Return whether ``value`` is a number that the store can hold, a boolean or null."""
    kind = type(value)
    if kind is int:
        return bool(INT64.start <= value < INT64.stop)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is bool


def _unstorable(value: Any, trail: list[int | str], depth: int) -> str | None:
    """Return why the store cannot hold ``value``; ``trail`` then has the way to the wrong part, from its end.

    A path is made only for a wrong value: a long key above many values would be copied for each.
    """
    if isinstance(value, str):
        return bad_text(value)
    if isinstance(value, dict | list):
        return _unstorable_parts(value, trail, depth)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        # The range itself would try each of its numbers for an integer of another class.
        return None if INT64.start <= value < INT64.stop else "is an integer of more than 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not a finite number"
    return "is not a JSON value"


def _unstorable_parts(value: dict[Any, Any] | list[Any], trail: list[int | str], depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, list):
        parts: Iterable[tuple[Any, Any]] = enumerate(value)
    elif is_kombus_own(value):
        return "has exactly the keys __type__ and __value__, which Celery's callers cannot read"
    else:
        parts = value.items()
        for key in value:
            if not isinstance(key, str):
                return "has a key that is not a string"
            if reason := bad_text(key):
                return reason
    for key, item in parts:
        if reason := _unstorable(item, trail, depth + 1):
            trail.append(key)
            return reason
    return None


def is_kombus_own(value: dict[Any, Any]) -> bool:
    """Return whether kombu's reader turns an object into another one, or fails on it.

    Its caller then loses every other answer that it waits for: stored by one tenant, such an object would
    harm the others behind a shared gateway.
    """
    return value.keys() == _KOMBU_OBJECT


def bad_text(text: str) -> str | None:
    """Return why the store cannot hold a text, or None."""
    if "\x00" in text:
        return "contains a NUL character"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "contains a lone surrogate"
    return None
