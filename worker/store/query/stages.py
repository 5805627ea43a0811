"""The stages of an aggregation, each one as stages of a MongoDB pipeline.

A row has a hidden ``_id`` beside its columns: that of the document or of the group, and the place in each
list that was unwound. It is unique. It ends every sort, so that pages do not overlap, and is removed at the
end.
"""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.query.columns import AnyStage, Columns
from contracts.query.paging import MAX_SKIP, keys_of_sort
from contracts.query.stages import (
    CountStage,
    GroupKey,
    GroupStage,
    LimitStage,
    ProjectStage,
    SkipStage,
    SortStage,
    UnwindStage,
)
from worker.store.client import Document
from worker.store.escape import escape_key
from worker.store.query import expressions
from worker.store.query.expressions import Expression
from worker.store.query.paths import escaped, value_of

DATE_PARTS: Mapping[str, str] = {"year": "$year", "month": "$month", "day": "$dayOfMonth"}
"""The named forms of ``date_format``; any other is a format of ``$dateToString``."""


def _met(field: Any, columns: Columns, then: Expression, otherwise: Expression) -> Expression:
    """Return ``then`` where a row meets the conditions of a field, else ``otherwise``."""
    if not field.conditions:
        return then
    tests = [expressions.condition(item, columns.times) for item in field.conditions]
    return {"$cond": [{"$and": tests}, then, otherwise]}


def _of_value(accumulator: str) -> Callable[[Any, Columns], Document]:
    return lambda field, columns: {accumulator: value_of(field.key)}


GROUP_FIELDS: Mapping[str, Callable[[Any, Columns], Document]] = {
    "count": lambda field, columns: {"$sum": _met(field, columns, 1, 0)},
    "sum": lambda field, columns: {"$sum": _met(field, columns, value_of(field.key), 0)},
    # $avg passes over null, so that a row that does not meet the conditions does not count.
    "average": lambda field, columns: {"$avg": _met(field, columns, value_of(field.key), None)},
    "max": _of_value("$max"),
    "min": _of_value("$min"),
    "first": _of_value("$first"),
    "last": _of_value("$last"),
    "push": lambda field, columns: {"$push": {escape_key(f.name): value_of(f.key) for f in field.fields}},
    "add_to_set": _of_value("$addToSet"),
    "merge_objects": lambda field, columns: {
        "$mergeObjects": expressions.object_or_null(value_of(field.key))
    },
}

PROJECTIONS: Mapping[str | None, Callable[[Expression], Expression]] = {
    None: lambda path: path,
    "size": expressions.size,
    "array_to_object": expressions.array_to_object,
    "object_to_array": expressions.object_to_array,
}


def _unwind(stage: UnwindStage, columns: Columns) -> list[Document]:
    # An object written out would be merged into the group's.
    placed = {"$mergeObjects": [{"row": "$_id"}]}
    unwound = {"path": value_of(stage.unwind.path), "includeArrayIndex": "_id.place"}
    return [{"$set": {"_id": placed}}, {"$unwind": unwound}]


def _group_key(key: GroupKey) -> Expression:
    path = value_of(key.key)
    match key.date_format:
        case None:
            return {"$ifNull": [path, None]}
        case str(name) if name in DATE_PARTS:
            return {DATE_PARTS[name]: path}
        case text:
            return {"$dateToString": {"format": {"$literal": text}, "date": path}}


def _group(stage: GroupStage, columns: Columns) -> list[Document]:
    group = stage.group
    keys = {escape_key(key.name): _group_key(key) for key in group.keys}
    fields = {escape_key(field.name): GROUP_FIELDS[field.operator](field, columns) for field in group.fields}
    flat: Document = {name: f"$_id.{name}" for name in keys}
    for field in group.fields:
        name = escape_key(field.name)
        is_set = field.operator == "add_to_set"
        flat[name] = {"$sortArray": {"input": f"${name}", "sortBy": 1}} if is_set else f"${name}"
    return [{"$group": {"_id": keys or None, **fields}}, {"$project": flat}]


def _project(stage: ProjectStage, columns: Columns) -> list[Document]:
    kept = () if stage.project.exclude_keys else columns.keys
    shape: Document = {escape_key(name): f"${escape_key(name)}" for name in kept}
    for field in stage.project.fields:
        shape[escape_key(field.name)] = PROJECTIONS[field.operator](value_of(field.key))
    return [{"$project": shape}]


def _sort(stage: SortStage, columns: Columns) -> list[Document]:
    sort: dict[str, int] = {}
    for item in keys_of_sort(stage.sort):
        sort.setdefault(escaped(item.key), -1 if item.desc else 1)
    return [{"$sort": {**sort, "_id": 1}}]


STAGES: Mapping[type, Callable[[Any, Columns], list[Document]]] = {
    UnwindStage: _unwind,
    GroupStage: _group,
    CountStage: lambda stage, columns: [{"$count": escape_key(stage.count.name)}],
    SortStage: _sort,
    ProjectStage: _project,
    LimitStage: lambda stage, columns: [{"$limit": stage.limit}],
    SkipStage: lambda stage, columns: [{"$skip": min(stage.skip, MAX_SKIP)}],
}


def compile_stage(stage: AnyStage, columns: Columns) -> list[Document]:
    """Return the pipeline stages of one stage, whose input are rows of ``columns``."""
    return STAGES[type(stage)](stage, columns)
