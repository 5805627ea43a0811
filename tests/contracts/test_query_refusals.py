"""A query is refused with the path of its fault and what was expected there."""

from typing import Any

import pytest

from contracts.errors import InvalidQuery
from contracts.query import parse_query, parse_statistics
from tests.contracts.querying import condition, group

REFUSED: list[tuple[str, Any]] = [
    # what, where, data
    ("query", []),
    ("query", "x"),
    ("query.limit", {"limit": 1}),
    ("query.filter", {"filter": {}}),
    ("query.filter[0]", {"filter": ["x"]}),
    ("query.filter[0].operator", condition(key="name", value="x")),
    ("query.filter[0].operator", condition(key="name", value="x", operator="like")),
    ("query.filter[0].operator", condition(key="name", value="x", operator=["eq"])),
    ("query.filter[0].operator", condition(key="name", value="x", operator="$where")),
    ("query.filter[0].key", condition(value="x", operator="eq")),
    ("query.filter[0].key", condition(key="_id", value="x", operator="eq")),
    ("query.filter[0].key", condition(key="outbox.0", value="x", operator="eq")),
    ("query.filter[0].key", condition(key="$where", value="x", operator="eq")),
    ("query.filter[0].key", condition(key="", value="x", operator="eq")),
    ("query.filter[0].key", condition(key=7, value="x", operator="eq")),
    ("query.filter[0].key", condition(key="tags." + "a" * 600, value="x", operator="eq")),
    ("query.filter[0].key", condition(key="tags" + ".a" * 40, value="x", operator="eq")),
    ("query.filter[0].value", condition(key="name", operator="eq")),
    ("query.filter[0].value", condition(key="name", operator="eq", value=["x"])),
    ("query.filter[0].value", condition(key="name", operator="eq", value={"$gt": ""})),
    ("query.filter[0].value", condition(key="name", operator="lt", value=None)),
    ("query.filter[0].value", condition(key="name", operator="in", value="x")),
    ("query.filter[0].value[1]", condition(key="name", operator="in", value=["x", ["y"]])),
    ("query.filter[0].value[0]", condition(key="name", operator="not_in", value=[{"$gt": 1}])),
    ("query.filter[0].value", condition(key="name", operator="in", value=["x"] * 10_001)),
    ("query.filter[0].value", condition(key="name", operator="exists", value=1)),
    ("query.filter[0].value", condition(key="name", operator="contain", value=1)),
    ("query.filter[0].value[0]", condition(key="name", operator="contain_in", value=[None])),
    ("query.filter[0].value", condition(key="labels", operator="match", value={"$gt": 1})),
    ("query.filter[0].value", condition(key="labels", operator="match", value={})),
    ("query.filter[0].value", condition(key="labels", operator="match", value=[])),
    ("query.filter[0].value.a", condition(key="labels", operator="match", value={"a": {"$gt": 1}})),
    ("query.filter[0].value", condition(key="name", operator="regex", value="(")),
    ("query.filter[0].value", condition(key="name", operator="regex", value="a" * 257)),
    ("query.filter[0].value", condition(key="name", operator="regex", value="a{1,99999999999}")),
    ("query.filter[0].value[0]", condition(key="name", operator="regex_in", value=["["])),
    ("query.filter[0].value", condition(key="created_at", operator="datetime_gt", value=20260520)),
    ("query.filter[0].value", condition(key="created_at", operator="datetime_gt", value="yesterday")),
    (
        "query.filter[0].value",
        condition(key="created_at", operator="datetime_gt", value="0001-01-01T00:00:00+09:00"),
    ),
    ("query.filter[0].value", condition(key="created_at", operator="timediff_gt", value="now - 1y")),
    ("query.filter[0].value", condition(key="created_at", operator="timediff_gt", value="now - 9999999999w")),
    ("query.filter[0].value", condition(key="created_at", operator="eq", value="x")),
    ("query.filter[0].value", condition(key="updated_at", operator="in", value=["2026-01-01", "x"])),
    ("query.filter[0].extra", condition(key="name", operator="eq", value="x", extra=1)),
    (
        "query.filter_or[1].value",
        {"filter_or": [{"k": "name", "v": 1, "o": "eq"}, {"k": "name", "v": [], "o": "eq"}]},
    ),
    ("query.filter", {"filter": [{"k": "name", "v": 1, "o": "eq"}] * 101}),
    ("query.keyword", {"keyword": 5}),
    ("query.keyword", {"keyword": "x" * 2_000}),
    ("query.only[1]", {"only": ["name", "applied"]}),
    ("query.only", {"only": "name"}),
    ("query.only[0]", {"only": ["labels.0"]}),
    ("query.only[0]", {"only": ["name.first"]}),
    ("query.only[0]", {"only": ["tags.l.0"]}),
    ("query.sort.key", {"sort": {"key": "rank"}}),
    ("query.sort.keys[1].key", {"sort": {"keys": [{"key": "name"}, {"key": "scope"}]}}),
    ("query.sort[0].key", {"sort": [{"key": "plugin.name"}]}),
    ("query.sort.key", {"sort": {"key": "labels.0"}}),
    ("query.sort.keys[0].key", {"sort": {"keys": [{"key": "tags.list.0"}]}}),
    ("query.sort.desc", {"sort": {"key": "name", "desc": 1}}),
    ("query.sort.key", {"sort": {"key": 0}}),
    ("query.sort.keys", {"sort": {"keys": ""}}),
    ("query.sort.keys", {"sort": {"keys": {}}}),
    ("query.sort", {"sort": [{"key": "name"}] * 17}),
    ("query.page.start", {"page": {"start": "1"}}),
    ("query.page.limit", {"page": {"limit": True}}),
    ("query.page.limit", {"page": {"limit": 2**63}}),
    ("query.page.size", {"page": {"size": 3}}),
    ("query.minimal", {"minimal": "yes"}),
    ("query.filter[0].value", condition(key="name", operator="eq", value="a\x00b")),
    ("query.filter[0].value", condition(key="name", operator="eq", value="\ud800")),
    ("query.filter[0].value", condition(key="name", operator="eq", value=2**63)),
    ("query.filter[0].value", condition(key="name", operator="eq", value=float("nan"))),
    ("query.filter[0].value", condition(key="name", operator="lt", value=float("inf"))),
]
REFUSED_STATISTICS: list[tuple[str, Any]] = [
    ("query", {}),
    ("query", {"distinct": "", "aggregate": []}),
    ("query", {"distinct": "name", "aggregate": [{"limit": 1}]}),
    ("query.distinct", {"distinct": "_id"}),
    ("query.distinct", {"distinct": "labels.0"}),
    ("query.distinct", {"distinct": "name.first"}),
    ("query.distinct", {"distinct": "tags.l.0"}),
    ("query.only", {"distinct": "name", "only": ["name"]}),
    ("query.aggregate[0]", {"aggregate": [{}]}),
    ("query.aggregate[0]", {"aggregate": [{"$out": "x"}]}),
    ("query.aggregate[0]", {"aggregate": ["limit"]}),
    ("query.aggregate[0].skip", {"aggregate": [{"limit": 1, "skip": 1}]}),
    ("query.aggregate[0].limit", {"aggregate": [{"limit": 0}]}),
    ("query.aggregate[0].skip", {"aggregate": [{"skip": -1}]}),
    ("query.aggregate", {"aggregate": [{"limit": 1}] * 21}),
    ("query.aggregate[0].unwind.path", {"aggregate": [{"unwind": {"path": "$labels"}}]}),
    ("query.aggregate[0].unwind.path", {"aggregate": [{"unwind": {"path": "outbox"}}]}),
    ("query.aggregate[0].unwind.path", {"aggregate": [{"unwind": {"path": "tags.l.0"}}]}),
    ("query.aggregate[0].sort.key", {"aggregate": [{"sort": {"key": "labels.0"}}]}),
    ("query.aggregate[0].group.keys[0].key", group(keys=[{"key": "labels.0", "name": "a"}])),
    (
        "query.aggregate[0].group.fields[0].key",
        group(fields=[{"operator": "first", "name": "a", "key": "tags.l.0"}]),
    ),
    (
        "query.aggregate[0].group.fields[0].conditions[0].key",
        group(
            fields=[
                {
                    "operator": "count",
                    "name": "a",
                    "conditions": [{"key": "labels.0", "operator": "eq", "value": "x"}],
                }
            ]
        ),
    ),
    (
        "query.aggregate[0].project.fields[0].key",
        {"aggregate": [{"project": {"fields": [{"key": "labels.0", "name": "a"}]}}]},
    ),
    ("query.aggregate[0].count.name", {"aggregate": [{"count": {"name": "$n"}}]}),
    ("query.aggregate[0].count.name", {"aggregate": [{"count": {"name": "_id"}}]}),
    ("query.aggregate[0].count.name", {"aggregate": [{"count": {"name": ""}}]}),
    ("query.aggregate[0].group", group()),
    ("query.aggregate[0].group", group(keys=[{"key": "name", "name": "a"}, {"key": "state", "name": "a"}])),
    ("query.aggregate[0].group.keys[0].name", group(keys=[{"key": "name", "name": "a.b"}])),
    ("query.aggregate[0].group.keys[0].key", group(keys=[{"key": "fence", "name": "a"}])),
    (
        "query.aggregate[0].group.keys[0].key",
        group(keys=[{"key": "name", "name": "a", "date_format": "year"}]),
    ),
    (
        "query.aggregate[0].group.keys[0].date_format",
        group(keys=[{"key": "created_at", "name": "a", "date_format": "%q"}]),
    ),
    (
        "query.aggregate[0].group.fields[0].operator",
        group(fields=[{"operator": "$accumulator", "name": "a"}]),
    ),
    ("query.aggregate[0].group.fields[0].key", group(fields=[{"operator": "sum", "name": "a"}])),
    (
        "query.aggregate[0].group.fields[0].key",
        group(fields=[{"operator": "sum", "name": "a", "key": "applied"}]),
    ),
    ("query.aggregate[0].group.fields[0].fields", group(fields=[{"operator": "push", "name": "a"}])),
    (
        "query.aggregate[0].group.fields[0].conditions",
        group(fields=[{"operator": "max", "key": "name", "name": "a", "conditions": []}]),
    ),
    (
        "query.aggregate[0].group.fields[0].conditions[0].operator",
        group(
            fields=[
                {
                    "operator": "count",
                    "name": "a",
                    "conditions": [{"key": "name", "operator": "in", "value": 1}],
                }
            ]
        ),
    ),
    (
        "query.aggregate[0].group.fields[0].conditions[0].value",
        group(
            fields=[
                {
                    "operator": "count",
                    "name": "a",
                    "conditions": [{"key": "name", "operator": "eq", "value": {"$gt": 1}}],
                }
            ]
        ),
    ),
    (
        "query.aggregate[0].group.fields[0].conditions[0].value",
        group(
            fields=[
                {
                    "operator": "count",
                    "name": "a",
                    "conditions": [{"key": "name", "operator": "gt", "value": None}],
                }
            ]
        ),
    ),
    (
        "query.aggregate[0].group.fields[0].conditions[0].value",
        group(
            fields=[
                {
                    "operator": "count",
                    "name": "a",
                    "conditions": [{"key": "created_at", "operator": "gt", "value": "x"}],
                }
            ]
        ),
    ),
    ("query.aggregate[1].sort.key", {"aggregate": [{"count": {"name": "n"}}, {"sort": {"key": "name"}}]}),
    ("query.aggregate[0].project.fields", {"aggregate": [{"project": {"fields": []}}]}),
    (
        "query.aggregate[0].project.fields[0].key",
        {"aggregate": [{"project": {"fields": [{"key": "_id", "name": "a"}]}}]},
    ),
    (
        "query.aggregate[0].project.fields[0].operator",
        {"aggregate": [{"project": {"fields": [{"key": "name", "name": "a", "operator": "function"}]}}]},
    ),
]


@pytest.mark.parametrize(("path", "data"), REFUSED)
def test_a_bad_query_is_refused_with_the_path_of_its_fault(path: str, data: Any) -> None:
    with pytest.raises(InvalidQuery) as refusal:
        parse_query(data)
    assert refusal.value.details["path"] == path
    assert refusal.value.details["expected"]


@pytest.mark.parametrize(("path", "data"), REFUSED_STATISTICS)
def test_bad_statistics_are_refused_with_the_path_of_their_fault(path: str, data: Any) -> None:
    with pytest.raises(InvalidQuery) as refusal:
        parse_statistics(data)
    assert refusal.value.details["path"] == path
    assert refusal.value.details["expected"]


def test_nesting_is_refused_before_it_costs_anything() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(InvalidQuery):
        parse_query({"filter": nested})


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    with pytest.raises(InvalidQuery) as refusal:
        parse_query(condition(key="name", operator="eq", value={"my": "confidential"}))
    assert "confidential" not in str(refusal.value.args)
