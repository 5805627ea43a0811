"""The scalar types and the limits of JSON that the store can hold."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.values import (
    MAX_DEPTH,
    Unstorable,
    check_json,
    format_time,
    is_command_id,
    secret_key,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
)


def fault(value: Any) -> Unstorable:
    with pytest.raises(Unstorable) as raised:
        check_json(value)
    return raised.value


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
    assert secret_key(value, "config") is None


@pytest.mark.parametrize("given_id", ["a", "x" * 128, "a b~!", "0"])
def test_command_ids(given_id: str) -> None:
    assert is_command_id(given_id)


@pytest.mark.parametrize("given_id", ["", "x" * 129, "a\n", "ä", "a\x7f", "a\tb", None, 7, b"a"])
def test_what_is_no_command_id(given_id: Any) -> None:
    assert not is_command_id(given_id)


@pytest.mark.parametrize(
    "key",
    [
        *[
            "password",
            "DB_PASSWD",
            "authToken",
            "clientSecret",
            "apikey",
            "api_key",
            "private_key",
            "AccessKey",
        ],
        *["api-key", "Private-Key", "access-key", "proxy-authorization", "Cookie"],
    ],
)
def test_keys_that_look_like_a_secret_are_found_at_any_depth(key: str) -> None:
    assert secret_key({"a": [{"b": {key: 1}}]}, "config") == f"config.a[0].b.{key}"


def test_a_name_of_a_credential_is_no_secret() -> None:
    assert secret_key({"credential": "hub", "scope": ["password"]}, "config") is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2022, 1, 1, 8, 2, 38, 94_000, UTC), "2022-01-01T08:02:38.094Z"),
        (datetime(2022, 1, 1, 8, 2, 38, 94_999), "2022-01-01T08:02:38.094Z"),
        (datetime(2022, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=9))), "2021-12-31T15:00:00.000Z"),
        (datetime(999, 1, 1, tzinfo=UTC), "0999-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert format_time(moment) == text


@pytest.mark.process
def test_importing_the_contracts_imports_neither_celery_nor_redis() -> None:
    code = (
        "import sys, contracts, contracts.catalog, contracts.parse; "
        "print([m for m in ('celery', 'kombu', 'redis', 'pymongo', 'requests', 'click') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
