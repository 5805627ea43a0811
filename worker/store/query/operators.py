"""The filter operators: each one as a MongoDB filter on a path.

A caller's value only ever stands where MongoDB expects a value, below an operator written here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.query.filters import Condition, Pattern, Patterns
from contracts.query.keys import LARGE, TIMES, root_of
from contracts.query.scalars import parse_time, resolve_timediff
from worker.store.client import Document
from worker.store.query.paths import escaped, stored
from worker.store.query.patterns import literal, pattern
from worker.store.query.times import at_milliseconds

CompileFilter = Callable[[str, Any], Document]
"""Compile a path and a value to a filter of MongoDB."""


def _plain(operator: str) -> CompileFilter:
    return lambda path, value: {path: {operator: value}}


def _none(compile_any: CompileFilter) -> CompileFilter:
    return lambda path, value: {"$nor": [compile_any(path, value)]}


def _among(path: str, values: Sequence[Any]) -> Document:
    found = {path: {"$in": values}}
    # For MongoDB, a missing element of a list is not null and does not exist.
    return {"$or": [found, {path: {"$exists": False}}]} if None in values else found


def _equal(path: str, value: Any) -> Document:
    return _among(path, [value])


def _matched(path: str, pairs: Mapping[str, Any]) -> Document:
    return {path: {"$elemMatch": {"$and": [_equal(escaped(key), value) for key, value in pairs.items()]}}}


def _contained(path: str, words: Sequence[str]) -> Document:
    return {path: {"$in": [literal(word) for word in words]}}


def _one(compile_list: CompileFilter) -> CompileFilter:
    return lambda path, value: compile_list(path, [value])


OPERATORS: Mapping[str, CompileFilter] = {
    "eq": _equal,
    "not": _none(_equal),
    "lt": _plain("$lt"),
    "lte": _plain("$lte"),
    "gt": _plain("$gt"),
    "gte": _plain("$gte"),
    "exists": _plain("$exists"),
    "in": _among,
    "not_in": _none(_among),
    "contain": _one(_contained),
    "not_contain": _none(_one(_contained)),
    "contain_in": _contained,
    "not_contain_in": _none(_contained),
    "match": _matched,
}
"""The operators that take their value as it is; those on regular expressions and times are made of these."""

_OF_SCALARS = frozenset({"eq", "not", "lt", "lte", "gt", "gte", "in", "not_in"})


def compile_condition(condition: Condition, now: datetime) -> Document:
    """Return the MongoDB filter of one condition; ``now``: the time that ``timediff`` counts from."""
    path, operator, value = stored(condition.key), condition.operator, condition.value
    if isinstance(condition, Pattern | Patterns):
        is_large = root_of(condition.key) in LARGE
        regexes = condition.value if isinstance(condition, Patterns) else [condition.value]
        return {path: {"$in": [pattern(regex, is_large=is_large) for regex in regexes]}}
    kind, _, comparison = operator.rpartition("_")
    if kind in ("datetime", "timediff"):
        time = parse_time(str(value)) if kind == "datetime" else resolve_timediff(str(value), now)
        return OPERATORS[comparison](path, at_milliseconds(time, comparison))
    if condition.key in TIMES and operator in _OF_SCALARS:
        value = [as_time(v, operator) for v in value] if isinstance(value, list) else as_time(value, operator)
    return OPERATORS[operator](path, value)


def as_time(value: Any, operator: str) -> Any:
    """Return a scalar to compare with a stored time: a text is ISO 8601, any other value stays as it is."""
    return at_milliseconds(parse_time(value), operator) if isinstance(value, str) else value
