"""Medians, spreads, percentiles and comparisons."""

from __future__ import annotations

import pytest

from tests.bench.case import Comparison, Plan, Record
from tests.bench.figures import Spread, percentile, shown


def test_the_median_of_the_rounds_stands_beside_their_ends() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert Spread.of([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123")],
)
def test_a_figure_is_shown_with_the_digits_that_say_something(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_ratio_is_that_of_the_medians_and_its_ends_are_those_of_the_rounds() -> None:
    ratio = Comparison("ours", "theirs").of([10.0, 30.0, 20.0], [10.0, 10.0, 20.0])
    assert ratio == Spread(2.0, 1.0, 3.0)


def test_a_difference_is_that_of_the_medians() -> None:
    less = Comparison("first", "alone", kind="difference")
    assert less.of([10.0, 12.0, 11.0], [5.0, 5.0, 5.0]) == Spread(6.0, 5.0, 7.0)
    assert less.name == "first less alone"


def test_the_ways_take_turns_and_the_first_is_another_each_round() -> None:
    assert list(Plan(rounds=3).turns("ours", "theirs")) == [
        "ours",
        "theirs",
        "theirs",
        "ours",
        "ours",
        "theirs",
    ]


def test_a_record_keeps_each_round_at_its_place_and_says_so() -> None:
    said: list[str] = []
    record = Record("waiting", {"commands": "/s"}, said.append)
    for at, value in ((1, 100.0), (1024, 200.0), (1, 300.0)):
        record.add({"commands": value}, at=at)
    assert record.points == {"commands": {1: [100.0, 300.0], 1024: [200.0]}}
    assert said[1:] == [
        "  waiting at 1,024, round 1: commands 200 /s",
        "  waiting at 1, round 2: commands 300 /s",
    ]
