"""The scalar types of all messages."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from contracts.values import format_time, is_command_id, secret_key


def test_a_long_key_above_many_values_is_not_copied_for_each() -> None:
    assert secret_key({"k" * 2**20: [0] * 2**20}, "config") is None


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
