"""Aggregation expressions that give null where MongoDB's own would fail on a value of another type."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from contracts.query.stages import GroupCondition
from worker.store.query.operators import as_time
from worker.store.query.paths import value_of

Expression = Any
Test = Callable[[Expression, Any], Expression]

_TO_STORED = (("~", "~0"), ("$", "~1"), (".", "~2"))
_FROM_STORED = (("~2", "."), ("~1", "$"), ("~0", "~"))


def has_type(value: Expression, name: str) -> Expression:
    """Whether a value is of the BSON type of that name."""
    return {"$eq": [{"$type": value}, name]}


def _same_type(value: Expression, other: Any) -> Expression:
    """Whether a value is of the type of ``other``, a scalar: only then one is less than the other."""
    match other:
        case bool():
            return has_type(value, "bool")
        case int() | float():
            return {"$isNumber": value}
        case datetime():
            return has_type(value, "date")
        case _:
            return has_type(value, "string")


def _ordered(operator: str) -> Test:
    return lambda item, value: {"$and": [_same_type(item, value), {operator: [item, {"$literal": value}]}]}


def _equal(item: Expression, value: Any) -> Expression:
    return {"$eq": [{"$ifNull": [item, None]}, {"$literal": value}]}


def _any(path: Expression, test: Callable[[Expression], Expression]) -> Expression:
    """Whether a value, or any element of a list, passes."""
    items = {"$cond": [{"$isArray": [path]}, path, [path]]}
    return {"$anyElementTrue": {"$map": {"input": items, "as": "item", "in": test("$$item")}}}


def _is(test: Test) -> Test:
    return lambda path, value: _any(path, lambda item: test(item, value))


CONDITIONS: Mapping[str, Test] = {
    "eq": _is(_equal),
    "not": lambda path, value: {"$not": [_is(_equal)(path, value)]},
    "gt": _is(_ordered("$gt")),
    "gte": _is(_ordered("$gte")),
    "lt": _is(_ordered("$lt")),
    "lte": _is(_ordered("$lte")),
}
"""The operators of a group field's conditions, from the value's expression and what it is compared with."""


def condition(item: GroupCondition, times: frozenset[str]) -> Expression:
    """Whether a row meets a condition; ``times`` are the columns that are times."""
    value = as_time(item.value) if item.key in times else item.value
    return CONDITIONS[item.operator](value_of(item.key), value)


def object_or_null(path: Expression) -> Expression:
    """A value if it is an object."""
    return {"$cond": [has_type(path, "object"), path, None]}


def size(path: Expression) -> Expression:
    """The number of elements of a list."""
    return {"$cond": [{"$isArray": [path]}, {"$size": path}, None]}


def object_to_array(path: Expression) -> Expression:
    """A list of ``{k, v}`` for an object, its keys as the caller knows them."""
    pairs = {"$objectToArray": path}
    renamed = {"k": _replaced("$$pair.k", _FROM_STORED, empty="~3", becomes=""), "v": "$$pair.v"}
    return {
        "$cond": [
            has_type(path, "object"),
            {"$map": {"input": pairs, "as": "pair", "in": renamed}},
            None,
        ]
    }


def array_to_object(path: Expression) -> Expression:
    """An object for a list of ``{k, v}`` with text for ``k``, its keys as they are stored."""
    is_pair = has_type("$$pair.k", "string")
    renamed = {
        "k": _replaced("$$pair.k", _TO_STORED, empty="", becomes="~3"),
        "v": {"$ifNull": ["$$pair.v", None]},
    }
    are_pairs = {"$allElementsTrue": {"$map": {"input": path, "as": "pair", "in": is_pair}}}
    built = {"$arrayToObject": {"$map": {"input": path, "as": "pair", "in": renamed}}}
    return {"$cond": [{"$isArray": [path]}, {"$cond": [are_pairs, built, None]}, None]}


def _replaced(
    text: Expression, replacements: tuple[tuple[str, str], ...], *, empty: str, becomes: str
) -> Expression:
    replaced = text
    for find, replacement in replacements:
        replaced = {
            "$replaceAll": {
                "input": replaced,
                "find": {"$literal": find},
                "replacement": {"$literal": replacement},
            }
        }
    return {"$cond": [{"$eq": [text, {"$literal": empty}]}, {"$literal": becomes}, replaced]}
