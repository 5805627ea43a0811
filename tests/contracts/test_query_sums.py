"""Conditions that are few enough each, and too much together."""

from typing import Any

import pytest

from contracts.errors import InvalidQuery
from contracts.query import parse_query, parse_statistics


def condition(operator: str, count: int, key: str = "name", size: int = 1) -> dict[str, Any]:
    value: Any = [f"{n:0{size}}" for n in range(count)]
    if operator == "match":
        value = dict.fromkeys(value, 1)
    return {"k": key, "o": operator, "v": value}


@pytest.mark.parametrize(
    ("most", "more"),
    [
        ([condition("contain_in", 1000)] * 2, condition("contain_in", 1)),
        ([condition("in", 10_000)] * 2, condition("in", 1)),
        ([condition("regex_in", 20)] * 5, condition("regex_in", 1)),
        ([condition("match", 50, "labels")] * 10, condition("match", 1)),
        ([condition("regex_in", 4, "tags.a")] * 2, condition("regex_in", 1, "labels")),
        ([condition("contain_in", 50, r"template.a")] * 2, condition("not_contain_in", 1, "labels")),
        ([condition("contain_in", 3, "tags", 333)], condition("contain_in", 1, "tags", 2)),
    ],
    ids=["texts", "values", "regexes", "pairs", "large regexes", "large texts", "characters"],
)
@pytest.mark.parametrize("parse", [parse_query, lambda q: parse_statistics({**q, "distinct": "name"})])
def test_the_sum_is_bounded(most: list[Any], more: Any, parse: Any) -> None:
    parse({"filter": most})
    with pytest.raises(InvalidQuery) as refusal:
        parse({"filter": most, "filter_or": [more]})
    assert refusal.value.details["path"] == "query.filter_or[0].value"


def test_a_keyword_has_up_to_100_words() -> None:
    parse_query({"keyword": "a " * 100})
    with pytest.raises(InvalidQuery) as refusal:
        parse_query({"keyword": "a " * 101})
    assert refusal.value.details["path"] == "query.keyword"


def test_the_conditions_of_all_groups_are_bounded() -> None:
    conditions = [{"key": "tags.a", "operator": "eq", "value": 1}] * 25
    fields = [{"name": f"n{i}", "operator": "count", "conditions": conditions} for i in range(2)]
    parse_statistics({"aggregate": [{"group": {"fields": fields}}]})
    again = {"name": "again", "operator": "sum", "key": "n0", "conditions": [{**conditions[0], "key": "n0"}]}
    with pytest.raises(InvalidQuery) as refusal:
        parse_statistics({"aggregate": [{"group": {"fields": fields}}, {"group": {"fields": [again]}}]})
    assert refusal.value.details["path"] == "query.aggregate[1].group"
