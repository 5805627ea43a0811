"""Conditions that are few enough each, and too much together."""

from typing import Any

import pytest

from contracts.errors import InvalidQuery
from contracts.query import parse_query, parse_statistics


def condition(operator: str, count: int) -> dict[str, Any]:
    return {"k": "name", "o": operator, "v": [f"w{n}" for n in range(count)]}


@pytest.mark.parametrize(
    ("operator", "each", "fits"), [("contain_in", 1000, 2), ("in", 10_000, 2), ("regex_in", 20, 100)]
)
@pytest.mark.parametrize("parse", [parse_query, lambda q: parse_statistics({**q, "distinct": "name"})])
def test_the_sum_is_bounded(operator: str, each: int, fits: int, parse: Any) -> None:
    most = [condition(operator, each)] * fits
    parse({"filter": most})
    with pytest.raises(InvalidQuery) as refusal:
        parse({"filter": most, "filter_or": [condition(operator, 1)]})
    assert refusal.value.details["path"] == "query.filter_or[0].value"
