"""Hostile queries are refused or harmless, and end in time: no input is an operator, an expression or an
internal field."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.errors import Refused
from contracts.plugin import PluginInfo
from contracts.query import parse_query, parse_statistics
from tests.store.catalogue import document
from worker.store.search import Search

SECRET = "c0nfidential"
INTERNAL = [
    "_id",
    "scope",
    "rank",
    "fence",
    "applied",
    "outbox",
    "last",
    "plugin",
    "plugin.name",
    "revision_",
    "",
]
DOLLARS = ["$where", "$expr", "$$ROOT", "$$CURRENT.outbox", "$outbox", "$", "$function", "$text", "$comment"]
OBJECTS: list[Any] = [
    {"$where": "sleep(10000) || true"},
    {"$gt": ""},
    {"$ne": None},
    {"$regex": ".*"},
    {"$function": {"body": "function(){return true}", "args": [], "lang": "js"}},
    {"$expr": {"$eq": [1, 1]}},
    {"$in": ["$outbox"]},
    {"a": {"$gt": 0}},
    [["x"], [{"$gt": 0}]],
    [[[[[["deep"]]]]]],
]
REGEXES = [
    "(a+)+$",
    "(a|aa)+$",
    "(.*a){40}",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(x+x+)+y",
    "(?:(?:(?:a*)*)*)*b",
    r"(\w*)*\d{50}",
]
OPERATORS = ("eq", "not", "in", "not_in", "exists", "lt", "contain", "match", "regex")
HIDDEN = {"_id", "outbox", "fence", "applied", "scope"}


def where(key: Any, operator: Any, value: Any) -> dict[str, Any]:
    return {"filter": [{"key": key, "operator": operator, "value": value}]}


def group(**fields: Any) -> dict[str, Any]:
    return {"aggregate": [{"group": fields}]}


def hostile_lists() -> Iterator[dict[str, Any]]:
    for key in (*INTERNAL, *DOLLARS):
        yield where(key, "exists", True)
        yield {"sort": {"key": key}}
        yield {"only": [key]}
        yield {"filter_or": [{"k": key, "o": "eq", "v": 1}]}
    for key in DOLLARS:
        yield where(f"tags.{key}", "eq", 1)
        yield {"sort": {"key": f"tags.{key}"}, "only": [f"tags.{key}.$x"]}
        yield where("name", key, "x")
        yield where("tags", "match", {key: 1})
        for operator in ("eq", "not", "gte", "contain"):
            yield where("name", operator, key)
        yield {"keyword": key}
        yield {"filter": [{key: 1}]}
        yield {key: {}}
    for value, operator in itertools.product(OBJECTS, OPERATORS):
        yield where("labels", operator, value)
    for regex in REGEXES:
        yield where("tags.long", "regex", regex)
        yield where("tags.long", "regex_in", [regex] * 20)
        yield {"filter": [{"k": "tags.long", "o": "regex", "v": regex}] * 100}
    yield where("tags.long", "contain_in", ["a" * 1_000 + "b"] * 1_000)
    yield where("name", "in", ["x"] * 10_000)
    yield where("name", "in", ["x"] * 1_000_000)
    yield where("tags." + ".".join(["a"] * 31), "eq", 1)
    yield where("tags." + "a" * 1_000_000, "eq", 1)
    yield where("tags.0.0.0.0.0", "exists", False)
    yield {"page": {"start": 2**63 - 1, "limit": 2**63 - 1}}
    yield {"page": {"start": -(2**63), "limit": -(2**63)}}
    yield {"page": {"start": 10**30, "limit": 1}}
    yield {"keyword": "a " * 500}
    yield {"keyword": "x" * 10**6}
    yield {"sort": [{"key": f"tags.k{i}"} for i in range(16)]}
    yield {"only": [f"tags.k{i}" for i in range(100)]}


def hostile_statistics() -> Iterator[dict[str, Any]]:
    count = {"operator": "count", "name": "n"}
    for key in (*INTERNAL, *DOLLARS):
        yield {"distinct": key}
        yield {"aggregate": [{"unwind": {"path": key}}]}
        yield {"aggregate": [{"sort": {"key": key}}]}
        yield {"aggregate": [{"project": {"fields": [{"key": key, "name": "x"}]}}]}
        yield group(keys=[{"key": key, "name": "x"}])
        pushed = [{"key": key, "name": "y"}]
        yield group(fields=[{"operator": "push", "name": "x", "fields": pushed}])
        yield group(fields=[{"key": key, "operator": "first", "name": "x"}])
        yield group(fields=[{**count, "conditions": [{"key": key, "operator": "eq", "value": 1}]}])
    for key in DOLLARS:
        yield group(keys=[{"key": "name", "name": key}])
        yield group(fields=[{"key": "name", "operator": key, "name": "x"}])
        yield group(fields=[{**count, "conditions": [{"key": "name", "operator": "eq", "value": key}]}])
        yield group(keys=[{"key": "created_at", "name": "x", "date_format": key}])
        yield {"aggregate": [{key: {}}]}
        yield {"aggregate": [{"count": {"name": key}}]}
        yield {"aggregate": [{"project": {"fields": [{"key": f"tags.{key}", "name": "x"}]}}]}
        yield {"aggregate": [{"unwind": {"path": f"tags.{key}"}}]}
        yield {"distinct": f"tags.{key}"}
    for value in OBJECTS:
        yield group(fields=[{**count, "conditions": [{"key": "name", "operator": "eq", "value": value}]}])
        yield {"distinct": value}
        yield {"aggregate": value}
        yield {"aggregate": [value] if isinstance(value, dict) else value}
    yield {"aggregate": [{"$out": "plugins"}]}
    yield {"aggregate": [{"$lookup": {"from": "plugins", "pipeline": [], "as": "x"}}]}
    yield {"aggregate": [{"limit": 2**63 - 1}, {"skip": 2**63 - 1}]}
    yield {"aggregate": [{"unwind": {"path": "labels"}}] * 20}
    everything = {"name": "x", "operator": "push", "fields": [{"key": "tags", "name": "t"}]}
    yield group(fields=[{**everything, "name": f"x{i}"} for i in range(50)])
    for_all = [{"unwind": {"path": "labels"}}, {"group": {"fields": [everything]}}, {"unwind": {"path": "x"}}]
    yield {"aggregate": for_all}


@pytest.fixture
def search(collection: Any) -> Search:
    plugins = [document(i, tags={"long": "a" * 1_000 + "!", "n": i}) for i in range(100)]
    for plugin in plugins:
        plugin["outbox"] = [{"data": SECRET}]
    others = [document(i, "other", name=SECRET) for i in range(10)]
    collection.insert_many([*plugins, *others])
    return Search(collection, time_limit_s=0.5)


def values_in(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from itertools.chain(value, *map(values_in, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(values_in, value))
    else:
        yield value


def test_hostile_lists_are_refused_or_harmless(search: Search) -> None:
    asked = answered = 0
    for data in hostile_lists():
        started = time.monotonic()
        asked += 1
        try:
            page = search.list("d", parse_query(data))
        except Refused:
            pass
        else:
            answered += 1
            for row in page.rows:
                assert set(row) <= set(PluginInfo.model_fields)
                assert row.get("domain_id", "d") == "d"
            assert SECRET not in values_in(page.rows)
        assert time.monotonic() - started < 30, data
    assert asked >= 200
    assert answered >= 50, "the harmless ones are to be answered"


def test_hostile_statistics_are_refused_or_harmless(search: Search) -> None:
    asked = answered = 0
    for data in hostile_statistics():
        started = time.monotonic()
        asked += 1
        try:
            answer = search.stat("d", parse_statistics(data))
        except Refused:
            pass
        else:
            answered += 1
            assert SECRET not in values_in(answer)
            assert not HIDDEN & set(map(str, values_in(answer)))
        assert time.monotonic() - started < 30, data
    assert asked >= 200
    assert answered >= 30


def test_text_that_looks_like_an_expression_is_text(search: Search) -> None:
    condition = {"key": "name", "operator": "eq", "value": "$name"}
    counted = group(fields=[{"operator": "count", "name": "n", "conditions": [condition]}])
    assert search.stat("d", parse_statistics(counted)) == {"results": [{"n": 0}]}
    assert search.list("d", parse_query(where("name", "eq", "$plugin.name"))).rows == []
