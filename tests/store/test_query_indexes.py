"""Every read by default order or by a shortcut comes out of an index in order; every index has a reader."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from contracts.query import parse_query
from tests.store.catalogue import document
from worker.store.indexes import PLUGINS, ensure_indexes
from worker.store.query import Reach, compile_head, compile_projection, compile_sort, fixed_keys

COUNT = 100_000
LOCAL, BOTH = Reach("d"), Reach("d", managed=True)
SHORTCUTS: list[dict[str, Any]] = [
    {},
    {"name": "Plugin 0000042"},
    {"plugin_id": "plugin-0000042"},
    {"state": "DISABLED"},
    {"service_type": "service.7"},
    {"service_type": ["service.7", "service.8"]},
    {"provider": "provider-3"},
    {"registry_type": "HARBOR"},
    {"repository_info.repository_id": "repo-local"},
    {"service_type": "service.7", "provider": "provider-7", "state": "ENABLED"},
]


@pytest.fixture(scope="module")
def collection(mongodb_server: Any) -> Iterator[Any]:
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongodb_server.url("explained"), tz_aware=True) as client:
        database: Database[dict[str, Any]] = client.get_default_database(read_concern=ReadConcern("majority"))
        plugins = database["plugins"].with_options(write_concern=WriteConcern(w=1))
        for start in range(0, COUNT, 10_000):
            plugins.insert_many([document(i) for i in range(start, start + 10_000)], ordered=False)
        managed = [document(i, "", repository="m", rank=1) for i in range(2_000)]
        others = [document(i, f"other-{i % 100}") for i in range(5_000)]
        plugins.insert_many([*managed, *others], ordered=False)
        ensure_indexes(database)
        yield plugins
        client.drop_database(database.name)


def stages_in(plan: Any) -> list[str]:
    """Every stage of a plan, and the name of every index it takes."""
    if isinstance(plan, list):
        return [name for item in plan for name in stages_in(item)]
    if not isinstance(plan, dict):
        return []
    own = [plan[name] for name in ("stage", "indexName") if isinstance(plan.get(name), str)]
    return own + [name for item in plan.values() for name in stages_in(item)]


def explained(collection: Any, reach: Reach, shortcuts: dict[str, Any], limit: int = 20) -> dict[str, Any]:
    query = parse_query({})
    (head,) = compile_head(reach, shortcuts, query, None)  # type: ignore[arg-type]
    cursor = collection.find(head["$match"], compile_projection(())).sort(
        list(compile_sort(query.order, fixed_keys(shortcuts, query)).items())
    )
    plan: dict[str, Any] = cursor.limit(limit).explain()
    return plan


@pytest.mark.parametrize("reach", [LOCAL, BOTH], ids=["local", "managed"])
@pytest.mark.parametrize("shortcuts", SHORTCUTS, ids=str)
def test_a_page_comes_out_of_an_index_in_order(
    collection: Any, reach: Reach, shortcuts: dict[str, Any]
) -> None:
    plan = explained(collection, reach, shortcuts)
    stages = stages_in(plan["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages
    assert not {"COLLSCAN", "SORT"} & set(stages)


@pytest.mark.parametrize(
    ("shortcuts", "index"),
    [
        ({}, "by_name"),
        ({"name": "Plugin 0000042"}, "by_name"),
        ({"plugin_id": "plugin-0000042"}, "by_plugin_id"),
        ({"service_type": "service.7"}, "by_service_type"),
        ({"provider": "provider-3"}, "by_provider"),
    ],
)
def test_a_shortcut_reads_no_more_than_its_page(
    collection: Any, shortcuts: dict[str, Any], index: str
) -> None:
    for reach in (LOCAL, BOTH):
        plan = explained(collection, reach, shortcuts)
        assert index in stages_in(plan["queryPlanner"]["winningPlan"])
        assert plan["executionStats"]["totalDocsExamined"] <= 21


def test_a_list_of_ids_reads_those_plugins_only(collection: Any) -> None:
    plan = explained(collection, BOTH, {"plugin_id": [f"plugin-{i:07d}" for i in range(10)]})
    assert plan["executionStats"]["totalDocsExamined"] <= 20


def test_every_index_is_needed_by_a_read_above_or_by_the_sweep() -> None:
    needed = {"by_name", "by_plugin_id", "by_service_type", "by_provider", "by_pending_at"}
    assert {index.document["name"] for index in PLUGINS} == needed
