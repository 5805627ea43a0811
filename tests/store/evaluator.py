"""The documented meaning of the query language in plain Python: what the compiler is compared with.

Plugins are dictionaries with the caller's own keys; times are datetimes.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from contracts.query import Query, StatisticsQuery
from contracts.query.keys import split_key
from contracts.query.scalars import parse_time, resolve_timediff
from worker.store.escape import escape_key

Plugin = dict[str, Any]
MISSING = object()
TIMES = ("created_at", "updated_at")
ARRAY_ORDER, UNDEFINED = 25, (0,)


# --- values, in MongoDB's order of types -------------------------------------------------------------------


def order_of(value: Any) -> tuple[Any, ...]:
    """A tuple that compares as MongoDB compares the value, across types."""
    match value:
        case None:
            return (5,)
        case bool():
            return (40, value)
        case int() | float():
            return (10, value)
        case str():
            return (15, value.encode())
        case datetime():
            return (45, value)
        case dict():
            items = [(order_of(item), escape_key(name)) for name, item in value.items()]
            return (20, tuple((order[0], name, order) for order, name in items))
        case list():
            return (ARRAY_ORDER, tuple(order_of(item) for item in value))
    raise TypeError(type(value))


def equal(one: Any, other: Any) -> bool:
    if one is MISSING:
        return other is None
    return order_of(one) == order_of(other)


def same_type(one: Any, other: Any) -> bool:
    return one is not MISSING and order_of(one)[0] == order_of(other)[0]


# --- what a key reaches in a filter ------------------------------------------------------------------------


def reached(value: Any, parts: tuple[str, ...]) -> Iterator[Any]:
    """The values at a key: through objects, through the objects of a list, and through numbered elements."""
    if not parts:
        yield value
        return
    part, rest = parts[0], parts[1:]
    if isinstance(value, dict):
        yield from reached(value[part], rest) if part in value else [MISSING]
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from reached(item, parts)
        if re.fullmatch("0|[1-9][0-9]*", part) and int(part) < len(value):
            yield from reached(value[int(part)], rest)
    else:
        yield MISSING


def candidates(value: Any, key: str) -> list[Any]:
    """What a condition looks at: the values at the key, and the elements of those that are lists."""
    found: list[Any] = []
    for item in reached(value, split_key(key)):
        found += item if isinstance(item, list) else [item]
    return found


def equals(holder: Any, key: str, value: Any) -> bool:
    """Whether a value at the key is equal; null is as well what is not there."""
    is_missing = all(item is MISSING for item in reached(holder, split_key(key)))
    return any(equal(item, value) for item in candidates(holder, key)) or (value is None and is_missing)


def numbered(element: Any) -> Any:
    """An element of a list, as match sees it: one that is a list has its numbers for fields."""
    return {str(i): v for i, v in enumerate(element)} if isinstance(element, list) else element


def has_text(value: Any, test: Callable[[str], Any]) -> bool:
    return isinstance(value, str) and bool(test(value))


def within(word: str) -> Callable[[str], bool]:
    return lambda text: word.lower() in text.lower()


def searched(regex: str) -> Callable[[str], Any]:
    return lambda text: re.search(regex, text, re.IGNORECASE)


COMPARISONS: dict[str, Callable[[tuple[Any, ...], tuple[Any, ...]], bool]] = {
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
}


def as_time(value: Any) -> Any:
    return parse_time(value) if isinstance(value, str) else value


def meets(plugin: Plugin, key: str, operator: str, value: Any, now: datetime) -> bool:
    """Whether a plugin meets one condition."""
    if key in TIMES and operator in ("eq", "not", "in", "not_in", *COMPARISONS):
        value = [as_time(v) for v in value] if isinstance(value, list) else as_time(value)
    if operator.startswith("datetime_"):
        operator, value = operator.removeprefix("datetime_"), parse_time(value)
    if operator.startswith("timediff_"):
        operator, value = operator.removeprefix("timediff_"), resolve_timediff(value, now)
    if operator.startswith("not_"):
        return not meets(plugin, key, operator.removeprefix("not_"), value, now)
    found = candidates(plugin, key)
    match operator:
        case "eq":
            return equals(plugin, key, value)
        case "not":
            return not equals(plugin, key, value)
        case "in":
            return any(equals(plugin, key, choice) for choice in value)
        case "exists":
            return any(item is not MISSING for item in reached(plugin, split_key(key))) is value
        case "contain":
            return any(has_text(item, within(value)) for item in found)
        case "contain_in":
            return any(has_text(item, within(word)) for item in found for word in value)
        case "regex":
            return any(has_text(item, searched(value)) for item in found)
        case "regex_in":
            return any(has_text(item, searched(regex)) for item in found for regex in value)
        case "match":
            elements = [
                item
                for whole in reached(plugin, split_key(key))
                if isinstance(whole, list)
                for item in whole
                if isinstance(item, dict | list)
            ]
            return any(
                all(equals(numbered(item), k, wanted) for k, wanted in value.items()) for item in elements
            )
    compare = COMPARISONS[operator]
    return any(same_type(item, value) and compare(order_of(item), order_of(value)) for item in found)


def selected(plugin: Plugin, query: Query | StatisticsQuery, now: datetime) -> bool:
    def holds(condition: Any) -> bool:
        return meets(plugin, condition.key, condition.operator, condition.value, now)

    words = query.keyword.split()
    fields = ("plugin_id", "name", "provider", "labels")
    return (
        all(holds(condition) for condition in query.filter)
        and (not query.filter_or or any(holds(condition) for condition in query.filter_or))
        and (not words or any(meets(plugin, field, "contain_in", words, now) for field in fields))
    )


# --- list --------------------------------------------------------------------------------------------------


def sortable(value: Any, parts: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """What a row may be sorted by: each element of a list counts, and an empty list comes before null."""
    if isinstance(value, list):
        if not value:
            yield UNDEFINED if not parts else (5,)
        for item in value:
            if not parts:
                yield order_of(item)
            elif isinstance(item, dict):
                yield from sortable(item, parts)
            else:
                yield (5,)
    elif not parts:
        yield order_of(value)
    elif isinstance(value, dict) and parts[0] in value:
        yield from sortable(value[parts[0]], parts[1:])
    else:
        yield (5,)


def in_order(rows: list[Plugin], keys: list[Any], ties: tuple[str, ...] = ()) -> list[Plugin]:
    """The rows sorted: a list counts by its least element, descending by its greatest."""
    for tie in reversed(ties):
        rows = sorted(rows, key=lambda row: order_of(row[tie]))
    for item in reversed(keys):
        pick, parts = (max if item.desc else min), split_key(item.key)
        rows = sorted(rows, key=lambda row: pick(sortable(row, parts)), reverse=item.desc)
    return rows


def projected(value: Any, keys: list[tuple[str, ...]]) -> Any:
    """The parts of a value at the keys; scalars on the way are left out, also those in lists."""
    if () in keys:
        return value
    if isinstance(value, list):
        return [projected(item, keys) for item in value if isinstance(item, dict | list)]
    kept = {}
    for name, item in value.items():
        below = [key[1:] for key in keys if key[0] == name]
        if below and (() in below or isinstance(item, dict | list)):
            kept[name] = projected(item, below)
    return kept


def paged(rows: list[Any], page: Any) -> list[Any]:
    start = max(page.start, 1) - 1
    return rows[start : start + page.limit] if page.limit > 0 else rows


def listed(plugins: list[Plugin], query: Query, now: datetime) -> tuple[list[Plugin], int]:
    """The rows of a list and the total count."""
    rows = [plugin for plugin in plugins if selected(plugin, query, now)]
    rows = in_order(rows, query.order, ("plugin_id",))
    total = len(rows)
    rows = paged(rows, query.page)
    if query.fields:
        keys = [split_key(key) for key in (*query.fields, "plugin_id")]
        rows = [projected(row, keys) for row in rows]
    return rows, total
