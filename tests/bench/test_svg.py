"""The pictures are SVG, and show each value at its place."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.bench.svg import Axis, draw

SVG = "{http://www.w3.org/2000/svg}"


def parts(drawn: str, kind: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(drawn).iter(SVG + kind))


def texts(drawn: str) -> list[str | None]:
    return [text.text for text in parts(drawn, "text")]


def test_each_curve_has_its_dots_its_line_and_its_name() -> None:
    drawn = draw("Rate", "waiting", "per s", {"ours": [(1, 10), (16, 40), (256, 80)], "theirs": [(1, 20)]})
    assert len(parts(drawn, "circle")) == 4
    assert {"Rate", "waiting", "per s", "ours", "theirs", "1", "16", "256"} <= set(texts(drawn))


def test_the_horizontal_axis_is_logarithmic_and_higher_values_are_higher_up() -> None:
    drawn = draw("t", "x", "y", {"a": [(1, 10), (10, 20), (100, 30)]})
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in parts(drawn, "circle")]
    (x1, y1), (x2, y2), (x3, y3) = dots
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 > y2 > y3
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)


def test_a_logarithmic_axis_has_ones_twos_and_fives() -> None:
    assert Axis(1.5, 60.0, 0, 100, is_log=True).ticks() == [2, 5, 10, 20, 50]


@pytest.mark.parametrize(
    ("high", "ticks"),
    [(1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (300.0, [0, 50, 100, 150, 200, 250, 300]), (7.0, [0, 2, 4, 6])],
)
def test_a_linear_axis_has_round_steps_from_nothing(high: float, ticks: list[float]) -> None:
    assert Axis(0.0, high, 0, 100, is_log=False).ticks() == pytest.approx(ticks)


def test_one_place_alone_is_in_the_middle() -> None:
    assert Axis(64, 64, 0, 100, is_log=True).place(64) == 50


def test_text_is_escaped() -> None:
    assert "a < b & c" in texts(draw("a < b & c", "x", "y", {"<&>": [(1, 1)]}))
