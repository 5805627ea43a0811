"""Keys survive the store, whatever they are."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from worker.store.escape import escape, escape_key, unescape, unescape_key

KEYS = st.text(alphabet=st.sampled_from("$.~0123_abcé\U0001f600"), max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KEYS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(KEYS, children, max_size=4),
    max_leaves=12,
)


@given(KEYS, KEYS)
def test_escaping_is_one_to_one(left: str, right: str) -> None:
    assert unescape_key(escape_key(left)) == left
    assert (escape_key(left) == escape_key(right)) == (left == right)


@given(KEYS)
def test_an_escaped_key_is_a_plain_path_part(key: str) -> None:
    escaped = escape_key(key)
    assert escaped and "." not in escaped and "$" not in escaped


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_objects_survive(value: dict[str, Any]) -> None:
    assert unescape(escape(value)) == value


def each_key(value: Any, convert: Callable[[str], str]) -> Any:
    """A JSON value with every key converted, the plain way."""
    if isinstance(value, dict):
        return {convert(key): each_key(item, convert) for key, item in value.items()}
    if isinstance(value, list):
        return [each_key(item, convert) for item in value]
    return value


@settings(max_examples=300)
@given(VALUES)
def test_every_key_is_converted_and_nothing_else(value: Any) -> None:
    assert escape(value) == each_key(value, escape_key)
    assert unescape(value) == each_key(value, unescape_key)
    assert (escape(value) is value) == (each_key(value, escape_key) == value)


class Own(dict[str, Any]):
    """An object of another class than JSON's."""


def test_other_classes_of_objects_and_lists_are_escaped_too() -> None:
    assert escape({"a": (Own({"$b": 1}),)}) == {"a": [{"~1b": 1}]}
    assert unescape(Own({"a": Own({"~1b": 1})})) == {"a": {"$b": 1}}


def test_what_has_nothing_to_escape_is_not_copied() -> None:
    value = {"a": [{"b-c": None}, "$.~", {}], "d": {"e": {}}}
    assert escape(value) is value
    assert unescape(value) is value


def test_objects_come_back_from_mongodb_as_they_were(mongodb_url: str) -> None:
    hostile: list[dict[str, Any]] = [
        {"$ref": "x", "$id": 1},
        {"$where": "sleep(1)", "a.b": {"": [{"$gt": ""}]}},
        {"$oid": "0" * 24, "~": 1, "~3": 2, "": 3},
    ]
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        collection = client.get_default_database()["escaped"]

        @settings(max_examples=100, deadline=None)
        @given(st.dictionaries(KEYS, VALUES, max_size=4))
        def check(value: dict[str, Any]) -> None:
            collection.replace_one({"_id": "x"}, {"value": escape(value)}, upsert=True)
            found = collection.find_one({"_id": "x"})
            assert found is not None
            assert unescape(found["value"]) == value

        check()
        for value in hostile:
            check.hypothesis.inner_test(value)  # type: ignore[attr-defined]
