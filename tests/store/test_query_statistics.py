"""Stat over a real MongoDB: what it answers, page by page."""

from datetime import UTC, datetime
from typing import Any

from contracts.plugin import PluginInfo
from contracts.query import parse_statistics
from tests.store.catalogue import document
from tests.support.mongo_commands import MongoCommands
from worker.store.query import compile_statistics
from worker.store.search import Search


def stat(search: Search, *stages: dict[str, Any], **query: Any) -> Any:
    return search.stat("d", parse_statistics({"aggregate": list(stages), **query}))


def test_times_are_grouped_by_format_and_answered_as_text(collection: Any, search: Search) -> None:
    collection.insert_many(
        [document(i, created_at=datetime(2026, 1 + i % 2, 3, tzinfo=UTC)) for i in range(4)]
    )
    count = {"name": "n", "operator": "count"}

    def grouped(date_format: str | None) -> Any:
        key = {"key": "created_at", "name": "t", **({"date_format": date_format} if date_format else {})}
        return stat(search, {"group": {"keys": [key], "fields": [count]}}, {"sort": {"key": "t"}})["results"]

    assert grouped("year") == [{"t": 2026, "n": 4}]
    assert grouped("month") == [{"t": 1, "n": 2}, {"t": 2, "n": 2}]
    assert grouped("day") == [{"t": 3, "n": 4}]
    assert grouped("%Y-%m") == [{"t": "2026-01", "n": 2}, {"t": "2026-02", "n": 2}]
    assert [row["t"] for row in grouped(None)] == ["2026-01-03T00:00:00.000Z", "2026-02-03T00:00:00.000Z"]
    late = {**count, "conditions": [{"key": "created_at", "operator": "gte", "value": "2026-02-01"}]}
    assert stat(search, {"group": {"fields": [late]}}) == {"results": [{"n": 2}]}
    latest = {"group": {"fields": [{"name": "t", "key": "created_at", "operator": "max"}]}}
    again = {
        "group": {
            "fields": [{**late, "conditions": [{"key": "t", "operator": "gte", "value": "2026-02-01"}]}]
        }
    }
    assert stat(search, latest, again) == {"results": [{"n": 1}]}


def test_stat_pages_do_not_overlap_and_count_all_rows(
    collection: Any, search: Search, commands: MongoCommands
) -> None:
    collection.insert_many([document(i) for i in range(40)])
    group = {
        "group": {"keys": [{"key": "provider", "name": "p"}], "fields": [{"name": "n", "operator": "count"}]}
    }
    for stages in ([group], [group, {"sort": {"key": "n"}}]):
        seen = []
        commands.take()
        for start in (1, 8, 15):
            answer = stat(search, *stages, page={"start": start, "limit": 7})
            assert answer["total_count"] == 20
            seen += [row["p"] for row in answer["results"]]
        assert len(seen) == len(set(seen)) == 20
        assert commands.take() == ["aggregate"] * 5, "the last page tells the count"
    assert stat(search, group, page={"start": 99, "limit": 7}) == {"results": [], "total_count": 20}
    assert "total_count" not in stat(search, group)
    assert stat(search, group, filter=[{"k": "name", "v": "no", "o": "eq"}], page={"limit": 1}) == {
        "results": [],
        "total_count": 0,
    }


def test_pages_of_unwound_lists_do_not_overlap(collection: Any, search: Search) -> None:
    for i in range(5):
        collection.insert_one(document(i, labels=[f"{j:02}" for j in range(30)], tags={"l": [1, 2]}))
    unwound = [{"unwind": {"path": "labels"}}, {"unwind": {"path": "tags.l"}}]
    same = {"sort": {"key": "registry_url"}}
    for in_stages in (True, False):
        seen = []
        for start in range(0, 300, 10):
            cut = [{"skip": start}, {"limit": 10}] if in_stages else []
            page = {} if in_stages else {"start": start + 1, "limit": 10}
            seen += stat(search, *unwound, same, *cut, page=page)["results"]
        assert len({(row["plugin_id"], row["labels"], row["tags"]["l"]) for row in seen}) == len(seen) == 300


def test_what_ends_every_sort_differs_in_all_rows(collection: Any) -> None:
    for i in range(3):
        collection.insert_one(document(i, labels=["a", "b"], tags={"l": [1, 1]}))
    unwound = [{"unwind": {"path": "labels"}}, {"unwind": {"path": "tags.l"}}]
    group = {
        "group": {
            "keys": [{"key": "provider", "name": "p"}],
            "fields": [{"name": "all", "operator": "push", "fields": [{"key": "name", "name": "n"}]}],
        }
    }
    for stages, count in ((unwound, 12), ([*unwound, group, {"unwind": {"path": "all"}}], 12)):
        *shown, hides = compile_statistics(parse_statistics({"aggregate": stages}), "d")
        assert hides == {"$project": {"_id": 0}}
        rows = list(collection.aggregate(shown))
        assert len({repr(row["_id"]) for row in rows}) == len(rows) == count


def test_a_group_is_unwound_row_by_row(collection: Any, search: Search) -> None:
    for i in range(4):
        collection.insert_one(document(i, labels=["a", "b"]))
    sets = {"name": "all", "operator": "add_to_set", "key": "plugin_id"}
    group = {"group": {"keys": [{"key": "provider", "name": "row"}], "fields": [sets]}}
    rows = stat(search, {"unwind": {"path": "labels"}}, group, {"unwind": {"path": "all"}}, page={"limit": 9})
    assert rows["results"] == [{"row": f"provider-{i}", "all": f"plugin-{i:07d}"} for i in range(4)]


def test_pages_of_a_group_after_a_sort_do_not_overlap(collection: Any, search: Search) -> None:
    collection.insert_many([document(i) for i in range(0, 200, 2)])
    stages: list[dict[str, Any]] = [
        {"sort": {"key": "name"}},
        {"group": {"keys": [{"key": "plugin_id", "name": "id"}]}},
        {"project": {"fields": [{"key": "id", "name": "id"}]}},
    ]
    seen = []
    for start in range(1, 101, 9):
        seen += stat(search, *stages, page={"start": start, "limit": 9})["results"]
    assert seen == [{"id": f"plugin-{i:07d}"} for i in range(0, 200, 2)]


def test_distinct_flattens_and_sorts(collection: Any, search: Search) -> None:
    collection.insert_many(
        [
            document(1, labels=["b", "a"], provider=None),
            document(2, labels=[]),
            document(3, labels=["c", "a"]),
        ]
    )

    def distinct(key: str, **query: Any) -> Any:
        return search.stat("d", parse_statistics({"distinct": key, **query}))

    assert distinct("labels") == {"results": ["a", "b", "c"]}
    assert distinct("labels", page={"start": 2, "limit": 1}) == {"results": ["b"], "total_count": 3}
    assert distinct("provider") == {"results": ["provider-2", "provider-3"]}
    assert distinct("domain_id") == {"results": ["d"]}
    assert distinct("created_at")["results"][0] == "2026-01-01T01:00:00.000Z"


def test_objects_and_lists_turn_into_each_other_with_the_callers_keys(
    collection: Any, search: Search
) -> None:
    tags = {"$where": 1, "a.b": 2, "~0": 3, "": 4}
    collection.insert_one(document(1, tags=tags))
    to_list = {"project": {"fields": [{"key": "tags", "name": "t", "operator": "object_to_array"}]}}
    to_object = {"project": {"fields": [{"key": "t", "name": "t", "operator": "array_to_object"}]}}
    (row,) = stat(search, to_list)["results"]
    assert row["t"] == [{"k": key, "v": value} for key, value in tags.items()]
    assert stat(search, to_list, to_object)["results"] == [{"t": tags}]
    dotted = {"project": {"fields": [{"key": r"t.a\.b", "name": "x"}, {"key": "t.$where", "name": "y"}]}}
    assert stat(search, to_list, to_object, dotted)["results"] == [{"x": 2, "y": 1}]


def test_no_stage_shows_or_needs_an_internal_field(collection: Any, search: Search) -> None:
    collection.insert_one(document(1))
    for stages in (
        [{"sort": {"key": "name"}}],
        [{"unwind": {"path": "labels"}}],
        [{"limit": 1}, {"skip": 0}],
    ):
        for row in stat(search, *stages)["results"]:
            assert set(row) <= set(PluginInfo.model_fields)
    kept = {"project": {"fields": [{"key": "name", "name": "n"}]}}
    assert set(stat(search, kept)["results"][0]) == {"n"}


def test_a_sum_past_all_bounds_is_null(collection: Any, search: Search) -> None:
    collection.insert_many([document(i, tags={"n": 1.7e308}) for i in range(2)])
    total = {"group": {"fields": [{"name": "n", "key": "tags.n", "operator": "sum"}]}}
    assert stat(search, total) == {"results": [{"n": None}]}
