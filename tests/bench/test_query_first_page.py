"""The first page of a list: what it costs beside the same raw find, and how it grows with the number of plugins.

Run by `LONG=1 make test T=tests/bench N=0`, at 1,000,000 plugins and at 10,000 (`PAGE_PLUGINS` for another
number). What is compared takes turns in one run, so that a slow moment of the machine meets both, and the
medians count.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, WriteConcern
from pymongo.read_concern import ReadConcern

from contracts.query import parse_query
from tests.store.catalogue import document
from tests.support.servers import start_mongod
from worker.store.indexes import PLUGINS
from worker.store.search import Search

SMALL, LARGE = 10_000, int(os.environ.get("PAGE_PLUGINS", "1000000"))
CHUNK, ROUNDS, COUNT_ROUNDS = 20_000, 400, 9
PAGE = {"page": {"start": 1, "limit": 20}}
ORDER = [("plugin.name", 1), ("plugin.plugin_id", 1), ("rank", 1)]


def filled(database: Any, count: int) -> Any:
    """A collection of `count` plugins of one domain, indexed."""
    plugins = database["plugins"].with_options(write_concern=WriteConcern(w=1))
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        plugins.insert_many([document(number) for number in numbers], ordered=False)
    plugins.create_indexes(PLUGINS)
    return database.get_collection("plugins", read_concern=ReadConcern("majority"))


@pytest.fixture
def collections(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    server = start_mongod(tmp_path / "data")
    try:
        client: MongoClient[dict[str, Any]]
        with MongoClient(server.url("bench")) as client:
            yield filled(client["small"], SMALL), filled(client["large"], LARGE)
    finally:
        server.stop()


def medians(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median milliseconds of each call; the first calls warm up."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    warm_up = rounds // 10 + 1
    for turn in range(rounds + warm_up):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn >= warm_up:
                taken[name].append((time.perf_counter() - started) * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def raw_find(plugins: Any) -> list[Any]:
    return list(plugins.find({"scope": "d"}, {"plugin": 1, "revision": 1}).sort(ORDER).limit(20))


@pytest.mark.skipif(not os.environ.get("LONG"), reason="a benchmark, with LONG=1")
@pytest.mark.timeout(1500)
def test_the_first_page_costs_what_a_find_costs(
    collections: tuple[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = collections
    few, many = Search(small), Search(large)
    uncounted, counted = parse_query({**PAGE, "no_count": True}), parse_query(PAGE)
    took = medians(
        {
            "list, few plugins": lambda: few.list("d", uncounted),
            "list": lambda: many.list("d", uncounted),
            "raw find": lambda: raw_find(large),
        },
        ROUNDS,
    )
    took |= medians(
        {
            "list and count": lambda: many.list("d", counted),
            "raw find and count": lambda: (raw_find(large), large.count_documents({"scope": "d"})),
        },
        COUNT_ROUNDS,
    )
    ratios = [
        ("list / raw find", took["list"] / took["raw find"], 1.5),
        (f"list of {LARGE:,} / of {SMALL:,}", took["list"] / took["list, few plugins"], 1.5),
        ("list and count / raw find and count", took["list and count"] / took["raw find and count"], 1.3),
    ]
    lines = [f"first page of 20 from {LARGE:,} plugins"]
    lines += [f"  {name:<40} {milliseconds:10.3f} ms" for name, milliseconds in took.items()]
    lines += [f"  {name:<40} {ratio:10.3f}  (at most {bound})" for name, ratio, bound in ratios]
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201  # figures are for a person
    assert all(ratio <= bound for _, ratio, bound in ratios)
