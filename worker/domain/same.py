"""Whether two JSON values are the same."""

from math import copysign
from typing import Any, Final

from pydantic_core import to_json

_DEEP: Final[frozenset[type]] = frozenset({dict, list})
_FEW: Final = 4
"""Up to so many parts of a list are compared sooner one by one."""


def same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are the same. Numbers compare as they were sent: 1, 1.0 and true
    differ.
    """
    return bool(left == right) and (to_json(left) == to_json(right) or _alike(left, right))


def _alike(left: Any, right: Any) -> bool:
    """Return whether all numbers in two equal JSON values are of one type and sign.

    To write them down with keys in order would take ten times as long: the digits of a float are dear.
    """
    kind = type(left)
    if kind is dict:
        return all(_alike(item, right[key]) for key, item in left.items())
    if kind is list:
        if len(left) <= _FEW:
            return all(map(_alike, left, right))
        kinds = list(map(type, left))
        if _DEEP.isdisjoint(kinds) and kinds == list(map(type, right)):
            return float not in kinds or _signs(left) == _signs(right)
        return all(map(_alike, left, right))
    if kind is float:
        return type(right) is float and (left != 0 or copysign(1, left) == copysign(1, right))
    # The store's integers are of a class of their own.
    return isinstance(left, bool) == isinstance(right, bool) and type(right) is not float


def _signs(values: list[Any]) -> list[float]:
    """Return the signs of the zeros among the floats: 0.0 and -0.0 are equal, and differ."""
    return [copysign(1, value) for value in values if value == 0 and type(value) is float]
