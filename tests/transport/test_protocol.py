"""Reading raw list elements: every shape has its fate, and no bytes raise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.elements import element, parts
from tests.transport.poison_shapes import SHAPES, make, nested, put
from worker.transport.protocol import Envelope, MessageLimits, Unreadable, parse_envelope

LIMITS = MessageLimits(max_bytes=64 * 1024, max_bytes_by_task={"test.batch": 256 * 1024})


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_has_its_fate(name: str) -> None:
    raw, (fate, reason) = SHAPES[name]
    result = parse_envelope(raw, LIMITS)
    if fate == "parked" and reason != "oversize":
        assert isinstance(result, Unreadable) and result.reason == reason
        return
    assert isinstance(result, Envelope)
    if fate == "refused" or reason == "oversize":
        assert result.refusal is not None and result.refusal.reason == reason
        assert not result.kwargs and not result.args
    else:
        assert result.refusal is None


def test_a_stock_message_is_read_as_it_was_sent() -> None:
    result = parse_envelope(element("a.task", **{"$x": [1, 4.0, None, "é"]}), LIMITS)
    assert isinstance(result, Envelope)
    assert (result.task, result.kwargs, result.args) == ("a.task", {"$x": [1, 4.0, None, "é"]}, [])


def test_how_deep_the_arguments_are_is_left_to_the_task() -> None:
    deep = nested(300)
    result = parse_envelope(make(kwargs={"a": deep}), LIMITS)
    assert isinstance(result, Envelope) and result.refusal is None
    assert result.kwargs == {"a": deep}


def test_a_task_may_have_a_size_of_its_own() -> None:
    large = element("test.batch", filler="x" * 100_000)
    result = parse_envelope(large, LIMITS)
    assert isinstance(result, Envelope) and result.refusal is None
    assert LIMITS.largest == 256 * 1024


def test_canvas_names_what_is_not_ours_to_do() -> None:
    result = parse_envelope(put("2999-01-01", "headers", "eta"), LIMITS)
    assert isinstance(result, Envelope) and result.canvas == ("eta",)
    assert result.headers["eta"] == "2999-01-01"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    assert isinstance(parse_envelope(raw, LIMITS), Unreadable)


PARTS = ["headers", "properties", "body", "content-type", "content-encoding"]


@given(st.sampled_from(PARTS), json_values)
def test_no_value_of_any_part_raises(part: str, value: Any) -> None:
    assert parse_envelope(put(value, part), LIMITS)


@given(st.sampled_from(["headers", "properties"]), st.data(), json_values)
def test_no_value_of_any_header_or_property_raises(part: str, data: st.DataObject, value: Any) -> None:
    name = data.draw(st.sampled_from(sorted(parts("t")[part])))
    assert parse_envelope(put(value, part, name), LIMITS)
