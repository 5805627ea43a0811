"""The filter operators: each one as the condition that MongoDB sets on a path.

A caller's value only ever stands where MongoDB takes a value, under an operator written here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from contracts.query.filters import Condition, Pattern, Patterns
from contracts.query.keys import LARGE, TIMES, root_of
from contracts.query.scalars import parse_time, resolve_timediff
from worker.store.query.paths import escaped, stored
from worker.store.query.patterns import literal, pattern

Compile = Callable[[Any, datetime], dict[str, Any]]
"""From a value, and the present time, to the condition on a path."""


def _plain(operator: str) -> Compile:
    return lambda value, now: {operator: value}


def _time(operator: str) -> Compile:
    return lambda value, now: {operator: parse_time(value)}


def _age(operator: str) -> Compile:
    return lambda value, now: {operator: resolve_timediff(value, now)}


OPERATORS: Mapping[str, Compile] = {
    "eq": _plain("$eq"),
    "not": _plain("$ne"),
    "lt": _plain("$lt"),
    "lte": _plain("$lte"),
    "gt": _plain("$gt"),
    "gte": _plain("$gte"),
    "exists": _plain("$exists"),
    "in": _plain("$in"),
    "not_in": _plain("$nin"),
    "contain": lambda word, now: {"$regex": literal(word)},
    "not_contain": lambda word, now: {"$not": {"$regex": literal(word)}},
    "contain_in": lambda words, now: {"$in": [literal(word) for word in words]},
    "not_contain_in": lambda words, now: {"$nin": [literal(word) for word in words]},
    "match": lambda pairs, now: {
        "$elemMatch": {"$and": [{escaped(key): {"$eq": value}} for key, value in pairs.items()]}
    },
    "datetime_lt": _time("$lt"),
    "datetime_lte": _time("$lte"),
    "datetime_gt": _time("$gt"),
    "datetime_gte": _time("$gte"),
    "timediff_lt": _age("$lt"),
    "timediff_lte": _age("$lte"),
    "timediff_gt": _age("$gt"),
    "timediff_gte": _age("$gte"),
}

_OF_SCALARS = frozenset({"eq", "not", "lt", "lte", "gt", "gte", "in", "not_in"})


def compile_condition(condition: Condition, now: datetime) -> dict[str, Any]:
    """The MongoDB filter of one condition; ``now`` is what ``timediff`` counts from."""
    value = condition.value
    if condition.key in TIMES and condition.operator in _OF_SCALARS:
        value = [as_time(item) for item in value] if isinstance(value, list) else as_time(value)
    if isinstance(condition, Pattern | Patterns):
        is_large = root_of(condition.key) in LARGE
        regexes = condition.value if isinstance(condition, Patterns) else [condition.value]
        return {stored(condition.key): {"$in": [pattern(regex, is_large=is_large) for regex in regexes]}}
    return {stored(condition.key): OPERATORS[condition.operator](value, now)}


def as_time(value: Any) -> Any:
    """A scalar compared with a time: text is ISO 8601, anything else stays what it is."""
    return parse_time(value) if isinstance(value, str) else value
