"""Aggregation expressions that give null for a value of another type, where MongoDB's own would fail."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.query.keys import split_key
from contracts.query.stages import GroupCondition
from worker.store.escape import EMPTY, ESCAPES, escape_key
from worker.store.query.operators import as_time

Expression = Any
Leaf = Callable[[Expression], Expression]
Test = Callable[[Expression, Any], Expression]
CompileExpression = Callable[[str, Any], Expression]

_UNESCAPES = tuple((stored, plain) for plain, stored in reversed(ESCAPES))


def has_type(value: Expression, name: str) -> Expression:
    """Return the test whether a value is of the BSON type of that name."""
    return {"$eq": [{"$type": value}, name]}


def _same_type(value: Expression, other: Any) -> Expression:
    """Return the test whether a value is of the type of ``other``, a scalar: only then can one be less."""
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


def _any(value: Expression, test: Leaf) -> Expression:
    """Return the test whether a value, or any element of a list, passes."""
    items = {"$cond": [{"$isArray": [value]}, value, [value]]}
    return {"$anyElementTrue": {"$map": {"input": items, "as": "item", "in": test("$$item")}}}


def _reached(key: str, test: Leaf) -> Expression:
    """Return the test whether any value passes that the key leads to in a filter: in objects, and objects in
    lists.
    """
    first, *parts = (escape_key(part) for part in split_key(key))
    return _below(f"${first}", parts, test)


def _below(value: Expression, parts: Sequence[str], test: Leaf) -> Expression:
    if not parts:
        return test(value)
    objects = {"$filter": {"input": value, "as": "item", "cond": has_type("$$item", "object")}}
    itself = {"$cond": [has_type(value, "object"), value, {"$literal": {}}]}
    items = {"$cond": [{"$isArray": [value]}, objects, [itself]]}
    inner = _below(f"$$item.{parts[0]}", parts[1:], test)
    return {"$anyElementTrue": {"$map": {"input": items, "as": "item", "in": inner}}}


def _is(test: Test) -> CompileExpression:
    return lambda key, value: _reached(key, lambda found: _any(found, lambda item: test(item, value)))


def _is_equal(key: str, value: Any) -> Expression:
    found = _is(_equal)(key, value)
    if value is not None:
        return found
    exists = _reached(key, lambda item: {"$not": [has_type(item, "missing")]})
    return {"$or": [found, {"$not": [exists]}]}


CONDITIONS: Mapping[str, CompileExpression] = {
    "eq": _is_equal,
    "not": lambda key, value: {"$not": [_is_equal(key, value)]},
    "gt": _is(_ordered("$gt")),
    "gte": _is(_ordered("$gte")),
    "lt": _is(_ordered("$lt")),
    "lte": _is(_ordered("$lte")),
}
"""The operators of a group field's conditions: each compiles a key and the value to compare with."""


def condition(item: GroupCondition, times: frozenset[str]) -> Expression:
    """Return the test whether a row meets a condition; ``times`` are the columns that are times."""
    value = as_time(item.value, item.operator) if item.key in times else item.value
    return CONDITIONS[item.operator](item.key, value)


def object_or_null(path: Expression) -> Expression:
    """Return a value if it is an object, else null."""
    return {"$cond": [has_type(path, "object"), path, None]}


def size(path: Expression) -> Expression:
    """Return the number of elements of a list."""
    return {"$cond": [{"$isArray": [path]}, {"$size": path}, None]}


def object_to_array(path: Expression) -> Expression:
    """Return a list of ``{k, v}`` for an object, its keys unescaped."""
    pairs = {"$objectToArray": path}
    renamed = {"k": _replaced("$$pair.k", _UNESCAPES, empty=EMPTY, becomes=""), "v": "$$pair.v"}
    return {
        "$cond": [
            has_type(path, "object"),
            {"$map": {"input": pairs, "as": "pair", "in": renamed}},
            None,
        ]
    }


def array_to_object(path: Expression) -> Expression:
    """Return an object for a list of ``{k, v}`` whose ``k`` are texts, its keys escaped."""
    is_pair = has_type("$$pair.k", "string")
    renamed = {
        "k": _replaced("$$pair.k", ESCAPES, empty="", becomes=EMPTY),
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
