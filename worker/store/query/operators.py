"""The filter operators: each one as the condition that MongoDB sets on a path.

A caller's value only ever stands where MongoDB takes a value, under an operator written here.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bson import Regex

from contracts.query.filters import Condition
from contracts.query.keys import TIMES
from contracts.query.scalars import parse_time, resolve_timediff
from worker.store.query.paths import escaped, stored

Compile = Callable[[Any, datetime], dict[str, Any]]
"""From a value, and the present time, to the condition on a path."""

# PCRE's own limit, on every server version, of what one value may cost; it can only lower the server's.
_REGEX_COST = "(*LIMIT_MATCH=1000000)"


def literal(word: str) -> Regex[str]:
    """The pattern of a literal, case-insensitive substring."""
    return Regex(re.escape(word), "i")


def pattern(regex: str) -> Regex[str]:
    """The pattern of a caller's regular expression, case-insensitive."""
    return Regex(_REGEX_COST + regex, "i")


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
    "regex": lambda regex, now: {"$regex": pattern(regex)},
    "regex_in": lambda regexes, now: {"$in": [pattern(regex) for regex in regexes]},
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
    return {stored(condition.key): OPERATORS[condition.operator](value, now)}


def as_time(value: Any) -> Any:
    """A scalar compared with a time: text is ISO 8601, anything else stays what it is."""
    return parse_time(value) if isinstance(value, str) else value
