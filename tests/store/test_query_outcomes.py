"""A query that takes too long, a store that is away, and an answer that is too large are told apart."""

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import QueryTimeout, ResultTooLarge, StoreUnavailable
from contracts.query import parse_query, parse_statistics
from tests.store.catalogue import document
from tests.support.servers import start_mongod
from worker.store.client import connect_mongodb
from worker.store.errors import PING_S, within
from worker.store.search import Search

EVERYTHING = parse_statistics({"aggregate": [{"sort": {"key": "plugin_id"}}]})
SLOW = {"filter": [{"k": "tags.slow", "o": "regex_in", "v": ["(a?){12}[de]", "(a?){12}[fg]"]}]}
"""Takes over a second in the one plugin of ``slow``, in which MongoDB does not look at its time limit."""


def slow(number: int) -> dict[str, Any]:
    return document(number, tags={"slow": ["a" * 11 + "!"] * 15_000})


@pytest.mark.parametrize("limit_s", [0.05, 0.2])
def test_a_query_that_takes_too_long_is_told_from_a_store_that_is_away(
    collection: Any, limit_s: float
) -> None:
    collection.insert_one(slow(1))
    search = Search(collection, time_limit_s=limit_s)
    # Whoever asks may have a limit of their own, which is longer here.
    with within(limit_s + 10 * PING_S), pytest.raises(QueryTimeout):
        search.list("d", parse_query(SLOW))
    with within(limit_s + 10 * PING_S), pytest.raises(QueryTimeout):
        search.stat("d", parse_statistics({**SLOW, "distinct": "name"}))


@pytest.mark.process
def test_a_store_that_has_stopped_is_away(tmp_path: Path) -> None:
    server = start_mongod(tmp_path / "data")
    try:
        database = connect_mongodb(server.url("plugins"))
        with database.client:
            search = Search(database["plugins"], time_limit_s=0.2)
            assert Search(database["plugins"]).list("d").rows == []
            server.members[0].pause()
            with pytest.raises(StoreUnavailable):
                search.list("d")
            server.members[0].resume()
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("count", "text"),
    [(50, "\x01" * 60_000), (50, "\uac00" * 60_000), (25, "\U0001f600" * 60_000)],
    ids=["control characters", "Korean", "beyond the BMP"],
)
def test_an_answer_is_measured_as_it_is_sent(collection: Any, count: int, text: str) -> None:
    collection.insert_many([document(i, tags={"t": text}) for i in range(count)])
    search = Search(collection)
    with pytest.raises(ResultTooLarge) as refusal:
        search.list("d")
    assert refusal.value.details["max_bytes"] == 16 * 2**20
    with pytest.raises(ResultTooLarge):
        search.stat("d", EVERYTHING)
    assert len(search.list("d", parse_query({"page": {"limit": 15}})).rows) == 15


def test_what_is_large_in_the_store_only_is_answered(collection: Any) -> None:
    for i in range(20):
        collection.insert_one(document(i, tags={"t": [0] * 100_000}))
    search = Search(collection)
    found = search.list("d")
    assert (len(found.rows), found.total_count) == (20, 20)
    assert len(search.stat("d", EVERYTHING)["results"]) == 20
    paged = parse_statistics({"aggregate": [{"unwind": {"path": "labels"}}], "page": {"limit": 19}})
    answer = search.stat("d", paged)
    assert (len(answer["results"]), answer["total_count"]) == (19, 40)


def test_rows_that_outgrow_a_stage_are_too_large(collection: Any) -> None:
    labels = [f"label-{i}" for i in range(250)]
    collection.insert_one(document(1, tags={"t": "x" * 350_000}, labels=labels))
    search = Search(collection)
    unwound = {"aggregate": [{"unwind": {"path": "labels"}}]}
    pushed = {"name": "p", "operator": "push", "fields": [{"key": "tags", "name": "t"}]}
    grouped = {"aggregate": [{"unwind": {"path": "labels"}}, {"group": {"fields": [pushed]}}]}
    for query in ({**unwound, "page": {"limit": 250}}, unwound, grouped):
        with pytest.raises(ResultTooLarge):
            search.stat("d", parse_statistics(query))
    answer = search.stat("d", parse_statistics({**unwound, "page": {"limit": 2}}))
    assert (len(answer["results"]), answer["total_count"]) == (2, 250)
