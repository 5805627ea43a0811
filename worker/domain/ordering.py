"""The order of plugins from several repositories, as MongoDB sorts them by scalar fields."""

from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Any

from contracts.query import Query, SortKey
from contracts.query.keys import split_key

Sortable = tuple[Any, ...]

_MISSING: Sortable = (0, 0)


def sort_key(query: Query) -> Callable[[Mapping[str, Any]], Any]:
    """Return a key for ``sorted`` over rows: the order of the query, then ``plugin_id``.

    null and missing values come first, then numbers, strings, objects, lists, booleans. All objects are
    equal, and so are all lists. Times are text of one width, which sorts correctly. ``desc`` reverses one
    key. Ties stay in their order: pass the rows in the order of the repositories.
    """
    order = [*query.order, SortKey(key="plugin_id")]

    def compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
        for item in order:
            parts = split_key(item.key)
            left, right = _bson_order(_value(one, parts)), _bson_order(_value(other, parts))
            if left != right:
                return 1 if (left > right) != item.desc else -1
        return 0

    return cmp_to_key(compare)


def keys_needed(query: Query) -> list[str]:
    """Return the keys that rows must have for ``sort_key``, if a query asks for some fields only."""
    return [*dict.fromkeys([*(item.key for item in query.order), "plugin_id"])]


def _value(row: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        if not isinstance(row, Mapping):
            return None
        row = row.get(part)
    return row


def _bson_order(value: Any) -> Sortable:
    match value:
        case None:
            return _MISSING
        case bool():
            return (5, value)
        case int() | float():
            return (1, value)
        case str():
            return (2, value)
        case Mapping():
            return (3, 0)
        case _:
            return (4, 0)
