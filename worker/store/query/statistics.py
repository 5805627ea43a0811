"""The pipeline of stat, after the stages that select the documents."""

from collections.abc import Sequence

from contracts.query import StatisticsQuery
from contracts.query.columns import PLUGIN, AnyStage, keys_in, walk
from contracts.query.keys import root_of, split_key
from contracts.query.stages import CountStage, GroupStage, ProjectStage, SortStage
from worker.store.client import Document
from worker.store.query.paths import DOMAIN, stored
from worker.store.query.stages import compile_stage

_VALUE = "value"


def compile_statistics(query: StatisticsQuery, domain_id: str) -> list[Document]:
    """Return the stages that make all rows of an answer, before paging. A row of ``distinct`` is ``{"value":
    ...}``.
    """
    return _distinct(query.distinct, domain_id) if query.distinct else _aggregate(query, domain_id)


def _aggregate(query: StatisticsQuery, domain_id: str) -> list[Document]:
    stages: list[Document] = [
        {"$project": {name: _column(name, domain_id) for name in _roots(query.aggregate)}}
    ]
    for stage, columns in walk(query.aggregate):
        stages += compile_stage(stage, columns)
    if query.page.limit > 0 and not _is_sorted(query.aggregate):
        stages.append({"$sort": {"_id": 1}})
    return [*stages, {"$project": {"_id": 0}}]


def _is_sorted(stages: Sequence[AnyStage]) -> bool:
    """Return whether a sort decides the order of the rows: after a group, they are in any order again."""
    is_sorted = False
    for stage in stages:
        is_sorted = isinstance(stage, SortStage) or (is_sorted and not isinstance(stage, GroupStage))
    return is_sorted


def _roots(stages: Sequence[AnyStage]) -> list[str]:
    """Return the fields of a plugin that the stages use; all of them if no stage leaves any out."""
    used: set[str] = set()
    for stage in stages:
        used.update(root_of(key) for _, key in keys_in(stage))
        if isinstance(stage, GroupStage | ProjectStage | CountStage):
            return sorted(used) or ["plugin_id"]
    return sorted(PLUGIN.names)


def _column(name: str, domain_id: str) -> Document:
    """Return a field of a plugin. No field is ever null, but a missing one is null when it comes from an
    index.
    """
    if name == DOMAIN:
        return {"$literal": domain_id}
    return {"$ifNull": [f"${stored(name)}", "$$REMOVE"]}


def _distinct(key: str, domain_id: str) -> list[Document]:
    parts = split_key(key)
    path = _column(key, domain_id) if len(parts) == 1 else f"${stored(key)}"
    # Each part of a path may cross a list, whose elements are then the values.
    unwound = {"$unwind": {"path": f"${_VALUE}", "preserveNullAndEmptyArrays": True}}
    return [
        {"$project": {"_id": 0, _VALUE: path}},
        *[unwound] * len(parts),
        {"$match": {_VALUE: {"$exists": True}}},
        {"$group": {"_id": f"${_VALUE}"}},
        {"$sort": {"_id": 1}},
        {"$project": {"_id": 0, _VALUE: "$_id"}},
    ]
