"""The compiled query, run by a real MongoDB, answers what the documented meaning says."""

import itertools
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo.write_concern import WriteConcern

from contracts.query import parse_query, parse_statistics
from tests.store import evaluator, evaluator_statistics
from tests.store.queries import NOW, aggregations, distincts, lists, plugins
from tests.support.clock import FakeClock
from worker.store.client import Document
from worker.store.escape import escape
from worker.store.render import render_value
from worker.store.search import Search

LIST_EXAMPLES, LISTS_EACH = 100, 20
STAT_EXAMPLES, STATS_EACH = 60, 12

QUIET: dict[str, Any] = {
    "deadline": None,
    "derandomize": False,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "phases": [Phase.explicit, Phase.generate, Phase.shrink],
}
data_sets = st.integers(2, 6).flatmap(lambda size: st.tuples(*(plugins(number) for number in range(size))))


def stored(scope: str, plugin: dict[str, Any]) -> Document:
    """A plugin as the store holds it."""
    fields = {name: escape(value) for name, value in plugin.items() if name != "revision"}
    return {
        "_id": f"{scope}/{plugin['plugin_id']}",
        "scope": scope,
        "rank": 0,
        "plugin": {**fields, "domain_id": scope},
        "revision": plugin["revision"],
        "fence": 7,
        "outbox": [],
    }


class Bench:
    """Inserts data sets, each into a domain of its own, and counts the cases compared."""

    def __init__(self, collection: Any) -> None:
        self._plugins = collection
        self._domains = itertools.count()
        self.search = Search(collection, clock=FakeClock(NOW))
        self.cases = 0
        self.telling = 0

    def insert(self, data: tuple[dict[str, Any], ...]) -> tuple[str, list[dict[str, Any]]]:
        domain = f"domain-{next(self._domains)}"
        self._plugins.with_options(write_concern=WriteConcern(w="majority")).insert_many(
            [stored(domain, plugin) for plugin in data]
        )
        return domain, [{**plugin, "domain_id": domain} for plugin in data]


def comparable(value: Any) -> Any:
    """A JSON value in which true is not 1, and the order of an object's keys does not count."""
    match value:
        case dict():
            return {"object": {name: comparable(item) for name, item in value.items()}}
        case list():
            return [comparable(item) for item in value]
        case bool():
            return ("bool", value)
        case datetime():
            return comparable(render_value(value))
    return value


@pytest.mark.timeout(600)  # shrinking a failure takes its time
def test_lists_mean_what_is_documented(collection: Any) -> None:
    bench = Bench(collection)

    @settings(max_examples=LIST_EXAMPLES, **QUIET)
    @given(data_sets, st.lists(lists, min_size=LISTS_EACH, max_size=LISTS_EACH))
    def check(data: tuple[dict[str, Any], ...], wanted: list[dict[str, Any]]) -> None:
        domain, known = bench.insert(data)
        for item in wanted:
            query = parse_query(item)
            rows, total = evaluator.listed(known, query, NOW)
            page = bench.search.list(domain, query)
            assert comparable(page.rows) == comparable(rows), item
            assert page.total_count == total, item
            bench.cases += 1
            bench.telling += 0 < total < len(known)

    check()
    assert bench.cases >= 2_000
    assert bench.telling >= bench.cases / 10, "too few queries that select some plugins and not others"


def in_any_order(rows: list[Any]) -> list[str]:
    return sorted(repr(sorted(_canonical(row).items())) for row in rows)


def _canonical(value: Any) -> Any:
    match value:
        case dict():
            return {name: repr(_canonical(value[name])) for name in sorted(value)}
        case list():
            return [_canonical(item) for item in value]
        case bool():
            return f"bool {value}"
        case int() | float():
            return float(value)
        case datetime():
            return render_value(value)
    return value


@pytest.mark.timeout(600)
def test_statistics_mean_what_is_documented(collection: Any) -> None:
    bench = Bench(collection)

    @settings(max_examples=STAT_EXAMPLES, **QUIET)
    @given(
        data_sets,
        st.lists(st.one_of(aggregations, aggregations, distincts), min_size=STATS_EACH, max_size=STATS_EACH),
    )
    def check(data: tuple[dict[str, Any], ...], wanted: list[dict[str, Any]]) -> None:
        domain, known = bench.insert(data)
        for item in wanted:
            query = parse_statistics(item)
            rows, total = evaluator_statistics.statistics(known, query, NOW)
            answer = bench.search.stat(domain, query)
            if query.distinct:
                assert comparable(answer["results"]) == comparable(rows), item
                assert answer.get("total_count") == (total if query.page.limit > 0 else None), item
            else:
                assert in_any_order(answer["results"]) == in_any_order(rows), item
            bench.cases += 1

    check()
    assert bench.cases >= 700
