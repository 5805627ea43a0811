"""The limits of JSON that the store can hold."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.storable import MAX_DEPTH, Unstorable, bad_text, check_json, is_kombus_own, path_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
)


WRONG = st.sampled_from(
    ["\x00", "a\ud800", 2**63, -(2**63) - 1, math.nan, math.inf, b"", (1,), {1: 2}, {1, 2}, {"__type__": 1}]
)
KEYS = st.sampled_from(["", "k", "é", "\x00", "\udfff", "\ud83d", "\ude00", "__type__", "__value__", 7, None])
ANYTHING = st.recursive(
    SCALARS | WRONG,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def fault(value: Any) -> Unstorable:
    with pytest.raises(Unstorable) as raised:
        check_json(value)
    return raised.value


def reason_of(value: Any, trail: list[int | str], depth: int) -> str | None:
    """Why the store cannot hold a value, found the plain way: one value after the other."""
    if isinstance(value, str):
        return bad_text(value)
    if isinstance(value, dict | list):
        return reason_of_parts(value, trail, depth)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "is an integer of more than 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not a finite number"
    return "is not a JSON value"


def reason_of_parts(value: dict[Any, Any] | list[Any], trail: list[int | str], depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, list):
        parts: Iterable[tuple[Any, Any]] = enumerate(value)
    elif is_kombus_own(value):
        return "has exactly the keys __type__ and __value__, which Celery's callers cannot read"
    else:
        parts = value.items()
        for key in value:
            if not isinstance(key, str):
                return "has a key that is not a string"
            if reason := bad_text(key):
                return reason
    for key, item in parts:
        if reason := reason_of(item, trail, depth + 1):
            trail.append(key)
            return reason
    return None


@settings(max_examples=500)
@given(ANYTHING, st.integers(MAX_DEPTH - 3, MAX_DEPTH + 1))
@example(dict.fromkeys(["\ud83d", "\ude00"]), 1)
@example({"a": [{"__type__": 1, "__value__": {}}]}, 1)
def test_it_refuses_what_the_plain_way_refuses_and_says_the_same(value: Any, depth: int) -> None:
    trail: list[int | str] = []
    expected = reason_of(value, trail, depth)
    try:
        check_json(value, "here", depth)
    except Unstorable as error:
        assert (error.reason, error.path) == (expected, path_of(reversed(trail), "here"))
    else:
        assert expected is None


class Text(str):
    """A string of another class."""


class Number(int):
    """An integer of another class."""


def test_other_classes_of_values_are_looked_at_too() -> None:
    check_json({"a": [Text("b"), Number(1)], Text("c"): {}})
    assert fault({"a": Text("\x00")}).path == "a"
    assert fault({"a": [Number(2**63)]}).path == "a[0]"


@given(
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner))
)
def test_json_that_can_be_stored_passes(value: Any) -> None:
    check_json({"value": value}, depth=-1000)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b": [0, 2**63]}}, "a.b[1]"),
        ({"a": [{"b": "\ud800"}]}, "a[0].b"),
        ({"a\x00": 1}, ""),
        ({"a": {"\udfff": 1}}, "a"),
        ({"a": float("inf")}, "a"),
        ({"a": {1: 2}}, "a"),
        ({"a": b"bytes"}, "a"),
        ({"a": (1, 2)}, "a"),
        ({"a": datetime.now(UTC)}, "a"),
    ],
)
def test_what_cannot_be_stored_is_named_by_its_path(value: Any, path: str) -> None:
    assert fault(value).path == path


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), True, 1.5, "é", "𝄞", None])
def test_the_edges_of_what_can(value: Any) -> None:
    check_json({"a": value})


@pytest.mark.parametrize("wrap", [lambda v: {"a": v}, lambda v: [v]], ids=["objects", "lists"])
def test_depth_counts_objects_and_lists_alike(wrap: Any) -> None:
    value: Any = wrap(1)
    for _ in range(MAX_DEPTH - 1):
        value = wrap(value)
    check_json(value)
    assert "deeper" in fault(wrap(value)).reason


def test_a_hostile_depth_ends_at_the_limit_and_not_in_a_recursion_error() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert "deeper" in fault(value).reason


def test_a_long_key_above_many_values_is_not_copied_for_each() -> None:
    value = {"k" * 2**20: [0] * 2**20}
    check_json(value)
