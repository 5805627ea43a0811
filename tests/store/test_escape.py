"""Keys survive the store, whatever they are."""

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
