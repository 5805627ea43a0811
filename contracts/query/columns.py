"""The columns of a statistics row at each stage: a key must start with one of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from contracts.query.faults import expected
from contracts.query.keys import FIELDS, TIMES, root_of, split_key
from contracts.query.paging import ColumnSortKey, ColumnSortKeys, keys_of_sort
from contracts.query.scalars import parse_time
from contracts.query.stages import (
    CountStage,
    Group,
    GroupStage,
    LimitStage,
    Project,
    ProjectStage,
    SkipStage,
    SortStage,
    UnwindStage,
    ValueField,
)
from contracts.query.sums import MAX_GROUP_PARTS

AnyStage = UnwindStage | GroupStage | CountStage | SortStage | ProjectStage | LimitStage | SkipStage
Named = tuple[str, str]
"""The path of a key in its stage, and the key."""


_SORT_FORMS: dict[type, str] = {ColumnSortKey: "sort.key", ColumnSortKeys: "sort.keys[{}].key"}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a row.

    ``names``: all of them. ``times``: those that are times. ``keys``: those that a group was made by.
    """

    names: frozenset[str]
    times: frozenset[str]
    keys: tuple[str, ...]


PLUGIN = Columns(FIELDS, TIMES, ())
"""The columns before the first stage: the fields of a plugin."""


def walk(stages: Sequence[AnyStage]) -> Iterator[tuple[AnyStage, Columns]]:
    """Yield each stage with the columns of its input."""
    columns = PLUGIN
    for stage in stages:
        yield stage, columns
        columns = _after(stage, columns)


def keys_in(stage: AnyStage) -> list[Named]:
    """Return every key that a stage names, with its path in the stage."""
    match stage:
        case UnwindStage():
            return [("unwind.path", stage.unwind.path)]
        case GroupStage():
            return _keys_in_group(stage.group)
        case SortStage():
            form = _SORT_FORMS.get(type(stage.sort), "sort[{}].key")
            return [(form.format(i), item.key) for i, item in enumerate(keys_of_sort(stage.sort))]
        case ProjectStage():
            return [(f"project.fields[{i}].key", field.key) for i, field in enumerate(stage.project.fields)]
        case _:
            return []


def check_columns(stages: Sequence[AnyStage]) -> None:
    """Refuse a key without a column, a name used twice, and a comparison of a time with another type."""
    parts = 0
    for index, (stage, columns) in enumerate(walk(stages)):
        here = f"aggregate[{index}]"
        for path, key in keys_in(stage):
            if root_of(key) not in columns.names:
                known = ", ".join(sorted(columns.names))
                raise expected(f"a column at this stage: {known}", f"{here}.{path}")
        if isinstance(stage, GroupStage):
            _check_group(stage.group, columns, f"{here}.group")
            conditions = chain.from_iterable(getattr(f, "conditions", []) for f in stage.group.fields)
            parts += sum(len(split_key(condition.key)) for condition in conditions)
            if parts > MAX_GROUP_PARTS:
                what = f"keys of at most {MAX_GROUP_PARTS} parts in the conditions of all groups"
                raise expected(what, f"{here}.group")
        if isinstance(stage, ProjectStage):
            _check_names([field.name for field in stage.project.fields], f"{here}.project")


def _after(stage: AnyStage, columns: Columns) -> Columns:
    match stage:
        case GroupStage():
            return _after_group(stage.group, columns)
        case ProjectStage():
            return _after_project(stage.project, columns)
        case CountStage():
            return Columns(frozenset({stage.count.name}), frozenset(), ())
        case _:
            return columns


def _after_group(group: Group, columns: Columns) -> Columns:
    keys = tuple(key.name for key in group.keys)
    times = {key.name for key in group.keys if key.key in columns.times and key.date_format is None}
    plain = {"max", "min", "first", "last"}
    times |= {
        field.name
        for field in group.fields
        if isinstance(field, ValueField) and field.operator in plain and field.key in columns.times
    }
    return Columns(frozenset({*keys, *(field.name for field in group.fields)}), frozenset(times), keys)


def _after_project(project: Project, columns: Columns) -> Columns:
    kept = () if project.exclude_keys else columns.keys
    named = {field.name for field in project.fields}
    times = {field.name for field in project.fields if field.key in columns.times and field.operator is None}
    times |= {key for key in kept if key in columns.times and key not in named}
    unchanged = tuple(key for key in kept if key not in named)
    return Columns(frozenset({*kept, *named}), frozenset(times), unchanged)


def _keys_in_group(group: Group) -> list[Named]:
    found: list[Named] = [(f"group.keys[{i}].key", key.key) for i, key in enumerate(group.keys)]
    for i, field in enumerate(group.fields):
        here = f"group.fields[{i}]"
        if key := getattr(field, "key", None):
            found.append((f"{here}.key", key))
        for part in ("conditions", "fields"):
            inner: Sequence[Any] = getattr(field, part, [])
            found += [(f"{here}.{part}[{j}].key", item.key) for j, item in enumerate(inner)]
    return found


def _check_group(group: Group, columns: Columns, here: str) -> None:
    if not group.keys and not group.fields:
        raise expected("keys, fields or both", here)
    _check_names([item.name for item in (*group.keys, *group.fields)], here)
    for i, key in enumerate(group.keys):
        if key.date_format is not None and key.key not in columns.times:
            raise expected("a column that is a time, for a date_format", f"{here}.keys[{i}].key")
    for i, field in enumerate(group.fields):
        for j, condition in enumerate(getattr(field, "conditions", [])):
            path = f"{here}.fields[{i}].conditions[{j}].value"
            if condition.value is None and condition.operator not in ("eq", "not"):
                raise expected("a value, as null is neither less nor greater", path)
            value, is_time = condition.value, condition.key in columns.times
            if is_time and isinstance(value, str) and parse_time(value) is None:
                raise expected("an ISO 8601 time", path)


def _check_names(names: Sequence[str], here: str) -> None:
    if len(set(names)) < len(names):
        raise expected("names that differ", here)
