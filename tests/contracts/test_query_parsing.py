"""A query is read as documented."""

from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from contracts.plugin import PluginInfo
from contracts.query import Query, StatisticsQuery, parse_query, parse_statistics
from contracts.query.keys import OBJECTS, split_key
from contracts.query.scalars import parse_time, resolve_timediff
from contracts.query.stages import CountField, GroupStage
from tests.contracts.querying import condition, group

NOW = datetime(2026, 5, 20, 12, 30, 15, 250_900, tzinfo=UTC)  # a Wednesday


def test_short_names_are_read_and_long_ones_win() -> None:
    query = parse_query(
        {
            "filter": [
                {"k": "name", "v": "x", "o": "eq"},
                {"key": "state", "k": "name", "value": "y", "v": 1, "o": "in", "operator": "not"},
            ]
        }
    )
    assert [(c.key, c.operator, c.value) for c in query.filter] == [
        ("name", "eq", "x"),
        ("state", "not", "y"),
    ]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, [("name", False)]),
        ({}, [("name", False)]),
        ([], [("name", False)]),
        ({"key": ""}, [("name", False)]),
        ({"key": "", "desc": True}, [("name", False)]),
        ({"keys": []}, [("name", False)]),
        ({"keys": [], "desc": True}, [("name", False)]),
        ({"desc": True}, [("name", False)]),
        ({"key": None, "keys": None, "desc": None}, [("name", False)]),
        ({"key": "state", "desc": True}, [("state", True)]),
        ({"keys": [{"key": "state"}, {"key": "tags.a", "desc": True}]}, [("state", False), ("tags.a", True)]),
        ([{"key": "state"}], [("state", False)]),
    ],
)
def test_a_sort_has_three_forms(sort: Any, order: list[tuple[str, bool]]) -> None:
    assert [(item.key, item.desc) for item in parse_query({"sort": sort}).order] == order


def test_null_counts_as_not_given_but_is_a_value_to_compare_with() -> None:
    empty = {"filter": None, "filter_or": None, "keyword": None, "only": None, "sort": None, "page": None}
    assert parse_query(empty) == Query()
    assert parse_query(condition(key="name", operator="eq", value=None)).filter[0].value is None
    long = {"key": None, "operator": None, "value": None}
    (read,) = parse_query(condition(**long, k="name", o="not", v=1)).filter
    assert (read.key, read.operator, read.value) == ("name", "not", None)
    count: dict[str, Any] = {"name": None, "n": "c", "operator": None, "o": "count", "key": None}
    count["conditions"] = [long | {"k": "name", "o": "eq"}]
    stage = parse_statistics(group(keys=None, fields=[count])).aggregate[0]
    assert isinstance(stage, GroupStage)
    (counted,) = stage.group.fields
    assert isinstance(counted, CountField)
    assert (counted.name, counted.conditions[0].key, counted.conditions[0].value) == ("c", "name", None)


def test_a_key_has_literal_dots() -> None:
    assert split_key(r"tags.a\.b.c") == ("tags", "a.b", "c")
    assert split_key(r"tags..\.") == ("tags", "", ".")
    assert split_key(r"tags.a\b") == ("tags", r"a\b")


def test_what_holds_fields_is_an_object() -> None:
    shapes = PluginInfo.model_json_schema()["properties"]
    assert {n for n, shape in shapes.items() if shape.get("type") == "object" or "$ref" in shape} == OBJECTS


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("now", "2026-05-20T12:30:15.250900+00:00"),
        ("now/d", "2026-05-20T00:00:00+00:00"),
        ("now/w", "2026-05-18T00:00:00+00:00"),
        ("now/m", "2026-05-01T00:00:00+00:00"),
        ("now/d - 3d", "2026-05-17T00:00:00+00:00"),
        ("now + 2h", "2026-05-20T14:30:15.250900+00:00"),
        ("now/w-1w", "2026-05-11T00:00:00+00:00"),
        ("now - 90m", "2026-05-20T11:00:15.250900+00:00"),
        ("now + 45s", "2026-05-20T12:31:00.250900+00:00"),
    ],
)
def test_a_time_difference_counts_from_now(text: str, time: str) -> None:
    assert resolve_timediff(text, NOW) == datetime.fromisoformat(time)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-20", "2026-05-20T00:00:00+00:00"),
        ("2026-05-20T09:00:00+09:00", "2026-05-20T00:00:00+00:00"),
        ("2026-05-20T01:02:03.123999Z", "2026-05-20T01:02:03.123999+00:00"),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, time: str) -> None:
    assert parse_time(text) == datetime.fromisoformat(time)


def test_embedded_in_a_message_the_language_is_validated_and_published() -> None:
    class Message(BaseModel):
        query: Query | None = None
        statistics: StatisticsQuery | None = None

    assert Message.model_validate({"query": {"sort": {"key": "state"}}}).query is not None
    with pytest.raises(ValueError, match="operator"):
        Message.model_validate({"query": condition(key="name", operator="like", value="x")})

    validator = Draft202012Validator(Message.model_json_schema())
    assert validator.is_valid(
        {"query": {"filter": [{"k": "name", "v": "x", "o": "eq"}], "sort": [{"key": "state"}]}}
    )
    assert validator.is_valid({"query": condition(key="labels", operator="in", value=["x", 1, None])})
    assert not validator.is_valid({"query": condition(key="name", operator="like", value="x")})
    assert not validator.is_valid({"query": condition(key="name", operator="in", value="x")})
    assert not validator.is_valid({"query": condition(key="name", operator="in")})
    assert validator.is_valid(
        {"statistics": {"aggregate": [{"group": {"keys": [{"key": "name", "name": "n"}]}}]}}
    )
    assert not validator.is_valid({"statistics": {"aggregate": [{"$out": "x"}]}})
