"""List and stat over a real MongoDB: what they answer, what they cost, and when they refuse."""

from typing import Any

import pytest

from contracts.errors import InvalidQuery, QueryTimeout, ResultTooLarge, StoreUnavailable
from contracts.plugin import PluginInfo
from contracts.query import Query, parse_query, parse_statistics
from tests.store.catalogue import document
from tests.support.mongo_commands import MongoCommands
from worker.store.client import connect_mongodb
from worker.store.search import Search


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["plugin_id"] for row in rows]


def test_a_row_is_the_plugin_and_nothing_internal(collection: Any, search: Search) -> None:
    tags = {"$ref": "x", "a.b": {"": 1}, "~": 4.0}
    collection.insert_one(document(1, tags=tags, provider=None))
    (row,) = search.list("d").rows
    assert set(row) <= set(PluginInfo.model_fields)
    assert row["tags"] == tags
    assert row["created_at"] == "2026-01-01T01:00:00.000Z"
    assert row["revision"] == 2
    assert "provider" not in row


def test_a_list_costs_two_commands_and_one_without_the_count(
    collection: Any, search: Search, commands: MongoCommands
) -> None:
    collection.insert_many(
        [document(i) for i in range(60)] + [document(i, "", repository="m", rank=1) for i in range(60)]
    )
    page = {"start": 21, "limit": 20}
    for managed in (False, True):
        found = search.list("d", parse_query({"page": page}), managed=managed)
        assert (len(found.rows), found.total_count) == (20, 120 if managed else 60)
        assert commands.take() == ["find", "aggregate"]
        assert (
            search.list("d", parse_query({"page": page, "no_count": True}), managed=managed).total_count
            is None
        )
        assert commands.take() == ["find"]
    assert search.list("d").total_count == 60
    assert commands.take() == ["find"]
    assert search.list("d", parse_query({"count_only": True, "no_count": True})).total_count == 60
    assert commands.take() == ["aggregate"]


def test_reads_are_majority_reads_with_a_time_limit(
    collection: Any, search: Search, commands: MongoCommands
) -> None:
    search.list("d", parse_query({"count_only": True}))
    search.list("d")
    search.stat("d", parse_statistics({"distinct": "name"}))
    assert len(commands.sent) == 3
    for command in commands.sent:
        assert command["readConcern"]["level"] == "majority"
        assert 0 < command["maxTimeMS"] <= 5_000


def test_domains_do_not_see_each_other_and_all_see_managed_plugins(collection: Any) -> None:
    search = Search(collection, has_managed=True)
    collection.insert_many([document(1, "d"), document(2, "other"), document(3, "", repository="m", rank=1)])
    tombstone = document(4, "d")
    del tombstone["scope"], tombstone["rank"]
    collection.insert_one(tombstone)

    assert sorted(ids(search.list("d").rows)) == ["plugin-0000001", "plugin-0000003"]
    assert ids(search.list("d", managed=False).rows) == ["plugin-0000001"]
    assert ids(search.list("d", local=False).rows) == ["plugin-0000003"]
    assert search.list("d", local=False, managed=False).rows == []
    assert search.stat("d", parse_statistics({"distinct": "plugin_id"}), local=False, managed=False) == {
        "results": []
    }


def test_a_managed_plugin_is_answered_with_the_asking_domain_and_without_revision(collection: Any) -> None:
    search = Search(collection, has_managed=True)
    collection.insert_many([document(1, "d"), document(2, "", repository="m", rank=1)])
    rows = {row["plugin_id"]: row for row in search.list("d").rows}
    managed = rows["plugin-0000002"]
    assert managed["domain_id"] == "d" and "revision" not in managed
    assert managed["repository_info"]["repository_type"] == "managed"


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ({"k": "domain_id", "v": "d", "o": "eq"}, 2),
        ({"k": "domain_id", "v": "d", "o": "not"}, 0),
        ({"k": "domain_id", "v": ["d", "x"], "o": "in"}, 2),
        ({"k": "domain_id", "v": "D", "o": "contain"}, 2),
        ({"k": "domain_id", "v": True, "o": "exists"}, 2),
        ({"k": "domain_id", "v": None, "o": "eq"}, 0),
        ({"k": "domain_id", "v": "other", "o": "eq"}, 0),
    ],
)
def test_domain_id_is_the_asking_domain_for_managed_plugins_in_conditions(
    collection: Any, condition: Any, count: int
) -> None:
    search = Search(collection, has_managed=True)
    collection.insert_many([document(1, "d"), document(2, "", repository="m", rank=1), document(3, "other")])
    for part in ("filter", "filter_or"):
        found = search.list(
            "d", parse_query({part: [condition], "page": {"limit": 1}, "sort": {"key": "domain_id"}})
        )
        assert (found.total_count, len(found.rows)) == (count, min(count, 1))
        grouped = {
            "group": {
                "keys": [{"key": "domain_id", "name": "d"}],
                "fields": [{"name": "n", "operator": "count"}],
            }
        }
        stat = search.stat("d", parse_statistics({part: [condition], "aggregate": [grouped]}))
        assert stat == {"results": [{"d": "d", "n": count}] if count else []}


def test_shortcuts_select_and_a_list_means_any_of(collection: Any, search: Search) -> None:
    collection.insert_many([document(i) for i in range(40)])
    assert len(search.list("d", shortcuts={"service_type": "service.3"}).rows) == 1
    assert len(search.list("d", shortcuts={"provider": ["provider-1", "provider-2"]}).rows) == 4
    assert len(search.list("d", shortcuts={"provider": None, "name": "", "state": "DISABLED"}).rows) == 4
    assert search.list("d", shortcuts={"plugin_id": []}).rows == []
    assert ids(search.list("d", shortcuts={"plugin_id": "plugin-0000007"}).rows) == ["plugin-0000007"]
    assert search.list("d", shortcuts={"repository_info.repository_id": "elsewhere"}).rows == []
    assert len(search.list("d", shortcuts={"repository_info.repository_id": "repo-local"}).rows) == 40


def test_pages_of_equal_names_neither_overlap_nor_miss_a_row(collection: Any) -> None:
    search = Search(collection, has_managed=True)
    same = [document(i, name="same", state="ENABLED") for i in range(30)]
    again = [
        document(i, "", repository=f"m{rank}", rank=rank, name="same", state="ENABLED")
        for i in range(30)
        for rank in (-1, 2)
    ]
    collection.insert_many([*again, *same])
    for sort in ({}, {"key": "state", "desc": True}):
        seen = []
        for start in range(1, 91, 7):
            found = search.list("d", parse_query({"sort": sort, "page": {"start": start, "limit": 7}}))
            seen += list(zip(ids(found.rows), found.ranks, strict=True))
        assert seen == [(f"plugin-{i:07d}", rank) for i in range(30) for rank in (-1, 0, 2)]


def test_only_and_minimal_answer_those_fields_and_invent_none(collection: Any, search: Search) -> None:
    collection.insert_one(document(1, provider=None, state="DISABLED"))

    def row(**query: Any) -> dict[str, Any]:
        return search.list("d", parse_query(query)).rows[0]

    assert row(only=["name", "provider"]) == {"plugin_id": "plugin-0000001", "name": "Plugin 0007919"}
    # The condition lets MongoDB take an index that holds every field asked for.
    assert row(only=["provider"], filter=[{"k": "provider", "v": None, "o": "eq"}]) == {
        "plugin_id": "plugin-0000001"
    }
    assert row(only=["tags.n", "tags.none", "domain_id"]) == {
        "plugin_id": "plugin-0000001",
        "tags": {"n": 1},
        "domain_id": "d",
    }
    assert row(only=["tags", "tags.n", "revision"])["revision"] == 2
    assert row(minimal=True) == {
        "plugin_id": "plugin-0000001",
        "name": "Plugin 0007919",
        "state": "DISABLED",
        "image": "org/plugin-0000001",
        "service_type": "service.1",
        "registry_type": "HARBOR",
    }


def test_keyword_narrows_and_is_literal(collection: Any, search: Search) -> None:
    collection.insert_many(
        [
            document(1, name="A+ Mailer", labels=[]),
            document(2, name="other", labels=["mail.x"]),
            document(3, name="aa", labels=[]),
        ]
    )

    def found(**query: Any) -> list[str]:
        return ids(search.list("d", parse_query({"sort": {"key": "plugin_id"}, **query})).rows)

    assert found(keyword="a+") == ["plugin-0000001"]
    assert found(keyword="MAIL") == ["plugin-0000001", "plugin-0000002"]
    assert found(keyword=" nothing  mail.x ") == ["plugin-0000002"]
    assert found(
        keyword="mail",
        filter_or=[{"k": "name", "v": "other", "o": "eq"}, {"k": "name", "v": "aa", "o": "eq"}],
    ) == ["plugin-0000002"]
    assert len(found(keyword="  ")) == 3


def test_an_answer_of_too_many_rows_is_refused(collection: Any) -> None:
    search = Search(collection, max_results=10)
    collection.insert_many([document(i) for i in range(11)])
    for query in ({}, {"page": {"limit": 11}}, {"page": {"limit": 2**62}}):
        with pytest.raises(ResultTooLarge):
            search.list("d", parse_query(query))
        with pytest.raises(ResultTooLarge):
            search.stat("d", parse_statistics({"distinct": "plugin_id", **query}))
        with pytest.raises(ResultTooLarge):
            search.stat("d", parse_statistics({"aggregate": [{"sort": {"key": "name"}}], **query}))
    assert len(search.list("d", parse_query({"page": {"limit": 10}})).rows) == 10
    assert len(search.list("d", parse_query({"page": {"start": 2, "limit": 2**63 - 1}})).rows) == 10
    assert search.list("d", parse_query({"page": {"start": 2**63 - 1, "limit": 5}})).rows == []


def test_an_answer_of_more_than_16_mib_is_refused(collection: Any, search: Search) -> None:
    for i in range(20):
        collection.insert_one(document(i, tags={"text": "x" * 1_000_000}))
    with pytest.raises(ResultTooLarge):
        search.list("d")
    everything = {"aggregate": [{"sort": {"key": "name"}}]}
    pushed = {
        "group": {"fields": [{"name": "all", "operator": "push", "fields": [{"key": "tags", "name": "t"}]}]}
    }
    for query in (everything, {**everything, "page": {"limit": 20}}, {"aggregate": [pushed]}):
        with pytest.raises(ResultTooLarge):
            search.stat("d", parse_statistics(query))
    assert len(search.list("d", parse_query({"page": {"limit": 10}})).rows) == 10


def test_a_query_that_takes_too_long_is_ended(collection: Any) -> None:
    collection.insert_many([document(i) for i in range(3_000)])
    search = Search(collection, time_limit_s=0.001)
    # Each of them matches: MongoDB cannot leave a document out at the first one.
    slow = {"filter": [{"k": "name", "v": "(.*)+(.*)+$", "o": "regex"}] * 50}
    with pytest.raises(QueryTimeout):
        search.list("d", parse_query(slow))
    with pytest.raises(QueryTimeout):
        search.stat("d", parse_statistics({**slow, "aggregate": [{"unwind": {"path": "labels"}}] * 20}))


@pytest.mark.parametrize("regex", ["(?a)x", "(?:(?:a{1000}){1000}){1000}"])
@pytest.mark.parametrize("operator", ["regex", "regex_in"])
def test_a_regex_that_only_mongodb_refuses_is_an_invalid_query(
    collection: Any, search: Search, regex: str, operator: str
) -> None:
    collection.insert_one(document(1))
    value = regex if operator == "regex" else [regex]
    bad = {"k": "name", "v": value, "o": operator}
    good = {"k": "name", "v": "plugin", "o": "regex"}
    for part, at in (({"filter": [good, bad]}, "filter[1]"), ({"filter_or": [bad, good]}, "filter_or[0]")):
        with pytest.raises(InvalidQuery) as refusal:
            search.list("d", parse_query(part))
        assert refusal.value.details["path"] == f"query.{at}.value"
        with pytest.raises(InvalidQuery) as refusal:
            search.stat("d", parse_statistics({**part, "distinct": "name"}))
        assert refusal.value.details["path"] == f"query.{at}.value"


def test_sorting_by_two_lists_at_once_is_an_invalid_query(collection: Any, search: Search) -> None:
    collection.insert_one(document(1))
    two_lists = [{"key": "labels"}, {"key": "capability.supported_schema"}]
    with pytest.raises(InvalidQuery) as refusal:
        search.list("d", parse_query({"sort": two_lists}))
    assert refusal.value.details["path"] == "query.sort"
    stages = [{"limit": 5}, {"sort": two_lists}]
    with pytest.raises(InvalidQuery) as refusal:
        search.stat("d", parse_statistics({"aggregate": stages}))
    assert refusal.value.details["path"] == "query.aggregate[1].sort"


def test_a_store_that_is_away_is_unavailable() -> None:
    url = "mongodb://127.0.0.1:1/plugins?serverSelectionTimeoutMS=200"
    database = connect_mongodb(url)
    with database.client, pytest.raises(StoreUnavailable):
        Search(database["plugins"]).list("d", Query())


def test_rows_that_take_much_memory_do_not_fit_an_answer(
    collection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.insert_many([document(number, tags={"l": [{}] * 1_000}) for number in range(3)])
    search = Search(collection)
    assert len(search.list("d").rows) == 3
    monkeypatch.setattr("worker.store.search.MAX_ROWS_BYTES", 30_000)
    with pytest.raises(ResultTooLarge):
        search.list("d")
