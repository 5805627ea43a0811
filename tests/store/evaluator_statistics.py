"""The documented meaning of statistics in plain Python, beside ``evaluator``."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from contracts.query import StatisticsQuery
from contracts.query.keys import split_key
from contracts.query.paging import keys_of_sort
from tests.store.evaluator import MISSING, Plugin, in_order, meets, order_of, paged, selected


def value_at(value: Any, key: str | tuple[str, ...]) -> Any:
    """The value of a column: through a list, the list of its objects' values."""
    parts = split_key(key) if isinstance(key, str) else key
    if not parts:
        return value
    if isinstance(value, list):
        found = [value_at(item, parts) for item in value if isinstance(item, dict)]
        return [item for item in found if item is not MISSING]
    if isinstance(value, dict) and parts[0] in value:
        return value_at(value[parts[0]], parts[1:])
    return MISSING


def or_null(value: Any) -> Any:
    return None if value is MISSING else value


def unique(values: list[Any]) -> list[Any]:
    by_order: dict[tuple[Any, ...], Any] = {}
    for value in values:
        by_order.setdefault(order_of(value), value)
    return [by_order[order] for order in sorted(by_order)]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


NO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""Conditions of a group do not count from now."""


def group_value(rows: list[Plugin], field: Any) -> Any:
    """One field of a group."""
    if conditions := getattr(field, "conditions", []):
        rows = [
            row
            for row in rows
            if all(meets(row, item.key, item.operator, item.value, NO_TIME) for item in conditions)
        ]
    if field.operator == "count":
        return len(rows)
    if field.operator == "push":
        made = [{f.name: value_at(row, f.key) for f in field.fields} for row in rows]
        return [{name: item for name, item in one.items() if item is not MISSING} for one in made]
    values = [value_at(row, field.key) for row in rows]
    numbers = [value for value in values if is_number(value)]
    known = [value for value in values if value is not MISSING and value is not None]
    match field.operator:
        case "sum":
            return sum(numbers)
        case "average":
            return sum(numbers) / len(numbers) if numbers else None
        case "max":
            return max(known, key=order_of, default=None)
        case "min":
            return min(known, key=order_of, default=None)
        case "first":
            return or_null(values[0])
        case "last":
            return or_null(values[-1])
        case "add_to_set":
            return unique([value for value in values if value is not MISSING])
        case "merge_objects":
            merged: dict[str, Any] = {}
            for value in values:
                merged |= value if isinstance(value, dict) else {}
            return merged
    raise ValueError(field.operator)


def grouped(rows: list[Plugin], group: Any) -> list[Plugin]:
    groups: dict[tuple[Any, ...], tuple[dict[str, Any], list[Plugin]]] = {}
    for row in rows:
        names = {key.name: or_null(value_at(row, key.key)) for key in group.keys}
        groups.setdefault(order_of(list(names.values())), (names, []))[1].append(row)
    return [
        {**names, **{field.name: group_value(members, field) for field in group.fields}}
        for names, members in groups.values()
    ]


def unwound(rows: list[Plugin], path: str) -> Iterator[Plugin]:
    """One row an element; what is no list counts as its own element, null and missing as none."""
    *above, last = split_key(path)
    for row in rows:
        # $unwind does not go through lists on the way.
        holder: Any = row
        for part in above:
            holder = holder.get(part) if isinstance(holder, dict) else None
        value = holder.get(last) if isinstance(holder, dict) else None
        for item in value if isinstance(value, list) else [] if value is None else [value]:
            yield replaced(row, (*above, last), item)


def replaced(value: dict[str, Any], parts: tuple[str, ...], item: Any) -> dict[str, Any]:
    if len(parts) == 1:
        return {**value, parts[0]: item}
    return {**value, parts[0]: replaced(value[parts[0]], parts[1:], item)}


def shaped(value: Any, operator: str | None) -> Any:
    match operator:
        case None:
            return value
        case "size":
            return len(value) if isinstance(value, list) else None
        case "object_to_array":
            return [{"k": k, "v": v} for k, v in value.items()] if isinstance(value, dict) else None
    is_pairs = isinstance(value, list) and all(
        isinstance(i, dict) and isinstance(i.get("k"), str) for i in value
    )
    return {item["k"]: item.get("v") for item in value} if is_pairs else None


def aggregated(rows: list[Plugin], stages: list[Any]) -> list[Plugin]:
    """The rows after the stages."""
    keys: list[str] = []
    for stage in stages:
        match type(stage).__name__:
            case "UnwindStage":
                rows = list(unwound(rows, stage.unwind.path))
            case "GroupStage":
                rows, keys = grouped(rows, stage.group), [key.name for key in stage.group.keys]
            case "CountStage":
                rows, keys = [{stage.count.name: len(rows)}] if rows else [], []
            case "SortStage":
                rows = in_order(rows, keys_of_sort(stage.sort))
            case "LimitStage":
                rows = rows[: stage.limit]
            case "SkipStage":
                rows = rows[stage.skip :]
            case "ProjectStage":
                kept = [] if stage.project.exclude_keys else keys
                fields = {f.name: f for f in stage.project.fields}
                made = [
                    {name: row.get(name, MISSING) for name in kept}
                    | {name: shaped(value_at(row, f.key), f.operator) for name, f in fields.items()}
                    for row in rows
                ]
                rows = [{n: v for n, v in one.items() if v is not MISSING} for one in made]
                keys = [key for key in kept if key not in fields]
    return rows


def flattened(value: Any, parts: tuple[str, ...]) -> Iterator[Any]:
    values = [value_at(value, parts)]
    for _ in parts:
        values = [v for item in values for v in (item if isinstance(item, list) else [item])]
    return (value for value in values if value is not MISSING)


def statistics(plugins: list[Plugin], query: StatisticsQuery, now: datetime) -> tuple[list[Any], int]:
    """The rows of a stat and their number before paging."""
    rows: list[Any] = [plugin for plugin in plugins if selected(plugin, query, now)]
    if query.distinct:
        parts = split_key(query.distinct)
        rows = unique([value for row in rows for value in flattened(row, parts)])
    else:
        rows = aggregated(rows, query.aggregate)
    return paged(rows, query.page), len(rows)
