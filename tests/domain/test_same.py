"""Two JSON values are the same if they were sent alike, in any order of their keys."""

import json
from typing import Any

import pytest
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.same import same

SCALARS = st.sampled_from([None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, 1e308, 2**53, 2.0**53, "", "1", "a"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@given(VALUES, VALUES)
def test_values_are_the_same_if_their_texts_are(left: Any, right: Any) -> None:
    assert same(left, right) == (text_of(left) == text_of(right))


@pytest.mark.parametrize("around", [lambda x: x, lambda x: [x], lambda x: {"a": ["x", {"b": x}]}])
@pytest.mark.parametrize(
    ("left", "right"), [(1, 1.0), (1, True), (0, False), (1.0, True), (0.0, -0.0), (0, -0.0), (1e15, 10**15)]
)
def test_numbers_are_compared_by_how_they_were_sent(left: Any, right: Any, around: Any) -> None:
    assert left == right
    for one, other in ((left, right), (right, left)):
        assert not same(around(one), around(other))
        assert same(around(one), around(one))


def test_the_order_of_keys_does_not_count() -> None:
    assert same({"a": 1, "b": [2.5]}, {"b": [2.5], "a": 1})


def test_integers_of_the_store_are_integers() -> None:
    sent, stored = {"a": [1, "x"], "b": 2}, {"a": [Int64(1), "x"], "b": Int64(2)}
    assert same(sent, stored)
    assert same(stored, sent)
    assert not same({"a": 1.0}, {"a": Int64(1)})
    assert not same({"a": Int64(1)}, {"a": 1.0})
    assert not same({"a": True}, {"a": Int64(1)})
