"""What null, and the conditions of a group, mean for values in and behind lists."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from contracts.query import parse_query, parse_statistics
from tests.store.catalogue import document
from worker.store.search import Search

BEHIND = {
    "none": {},
    "null": {"x": {"y": None}},
    "value": {"x": {"y": 1}},
    "empty": {"x": []},
    "numbers": {"x": [1, 2]},
    "texts": {"x": ["Ab"]},
    "lists": {"x": [[1], [2]]},
    "objects": {"x": [{"y": 1}, {}]},
    "nested": {"x": [{"y": [1, 2]}]},
    "deep": {"x": [[{"y": 1}]]},
    "list": {"x": {"y": []}},
}


@pytest.fixture
def search(collection: Any) -> Search:
    collection.insert_many(
        [document(i, name=name, tags=tags) for i, (name, tags) in enumerate(BEHIND.items())]
    )
    return Search(collection)


def listed(search: Search, operator: str, value: Any, key: str = "tags.x.y") -> set[str]:
    query = parse_query({"filter": [{"k": key, "o": operator, "v": value}], "only": ["name"]})
    return {row["name"] for row in search.list("d", query).rows}


def counted(search: Search, operator: str, value: Any) -> set[str]:
    """The plugins that a group counts by the same condition."""
    condition = {"key": "tags.x.y", "operator": operator, "value": value}
    group = {
        "keys": [{"key": "name", "name": "name"}],
        "fields": [{"name": "n", "operator": "count", "conditions": [condition]}],
    }
    answer = search.stat("d", parse_statistics({"aggregate": [{"group": group}]}))
    return {row["name"] for row in answer["results"] if row["n"]}


def test_null_is_as_well_what_is_not_there_behind_a_list(search: Search) -> None:
    missing = listed(search, "exists", False)
    assert missing == {"none", "empty", "numbers", "texts", "lists", "deep"}
    assert listed(search, "eq", None) == missing | {"null", "objects"}
    assert listed(search, "in", [None, 7]) == missing | {"null", "objects"}
    assert listed(search, "in", [None, 2]) == missing | {"null", "objects", "nested"}
    assert listed(search, "not", None) == {"value", "nested", "list"}
    assert listed(search, "not_in", [None]) == {"value", "nested", "list"}
    assert listed(search, "match", {"y": None}, "tags.x") == {"objects", "lists", "deep"}


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("eq", 1),
        ("eq", 2),
        ("not", 1),
        ("eq", None),
        ("not", None),
        ("gt", 1),
        ("gte", 1),
        ("lt", 2),
        ("lte", 0),
        ("eq", "Ab"),
    ],
)
def test_a_group_counts_what_a_filter_finds(search: Search, operator: str, value: Any) -> None:
    assert counted(search, operator, value) == listed(search, operator, value)


def test_a_key_of_32_parts_is_gone_down(search: Search) -> None:
    condition = {"key": "tags" + ".x" * 31, "operator": "eq", "value": None}
    count = {"name": "n", "operator": "count", "conditions": [condition]}
    answer = search.stat("d", parse_statistics({"aggregate": [{"group": {"fields": [count]}}]}))
    assert answer == {"results": [{"n": len(BEHIND)}]}


@pytest.mark.parametrize(
    ("operator", "time", "finds"),
    [
        ("datetime_lt", ".094500Z", True),
        ("datetime_gte", ".094500Z", False),
        ("datetime_lte", ".094500Z", True),
        ("datetime_gt", ".094500Z", False),
        ("datetime_gt", ".093999Z", True),
        ("datetime_lt", ".093999Z", False),
        ("lt", ".094500Z", True),
        ("gte", ".094500Z", False),
        ("eq", ".094000Z", True),
        ("eq", ".094999Z", False),
        ("not", ".094999Z", True),
    ],
)
def test_a_time_finer_than_a_stored_one_is_between_two(
    mongodb_url: str, operator: str, time: str, finds: bool
) -> None:
    at = datetime(2026, 5, 20, 1, 2, 3, 94_000, UTC)
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True) as client:
        plugins = client.get_default_database(read_concern=ReadConcern("majority"))["plugins"]
        plugins.insert_one(document(1, created_at=at))
        search, value = Search(plugins), "2026-05-20T01:02:03" + time
        condition = {"key": "created_at", "operator": operator, "value": value}
        assert search.list("d", parse_query({"filter": [condition], "count_only": True})).total_count == finds
        if operator.startswith("datetime"):
            return
        count = {"name": "n", "operator": "count", "conditions": [condition]}
        answer = search.stat("d", parse_statistics({"aggregate": [{"group": {"fields": [count]}}]}))
        assert answer == {"results": [{"n": finds}]}


def test_a_list_of_times_may_hold_finer_ones(mongodb_url: str) -> None:
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True) as client:
        plugins = client.get_default_database(read_concern=ReadConcern("majority"))["plugins"]
        plugins.insert_one(document(0))
        search = Search(plugins)
        near, exact = "2026-01-01T00:00:00.000500Z", "2026-01-01"
        for values, finds in (([near], 0), ([near, exact], 1)):
            query = parse_query({"filter": [{"k": "created_at", "o": "in", "v": values}]})
            assert search.list("d", query).total_count == finds
