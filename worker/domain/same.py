"""Whether two JSON values are the same."""

from math import copysign
from typing import Any, Final

_WALKED: Final[frozenset[type]] = frozenset({dict, float, list})


def same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are the same. Numbers compare as they were sent: 1, 1.0 and true
    differ.
    """
    return bool(left == right) and _alike(left, right)


def _alike(left: Any, right: Any) -> bool:
    """Return whether all numbers in two equal JSON values are of one type and sign.

    To write them down would take ten times as long: the digits of a float are dear.
    """
    if isinstance(left, dict):
        return all(_alike(item, right[key]) for key, item in left.items())
    if isinstance(left, list):
        kinds = list(map(type, left))
        is_plain = _WALKED.isdisjoint(kinds) and kinds == list(map(type, right))
        return is_plain or all(map(_alike, left, right))
    if isinstance(left, float):
        return isinstance(right, float) and (left != 0 or copysign(1, left) == copysign(1, right))
    # The store's integers are of a class of their own.
    return isinstance(left, bool) == isinstance(right, bool) and not isinstance(right, float)
