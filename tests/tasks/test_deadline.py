"""``expires`` as a time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.errors import InvalidParameter
from worker.tasks.envelope import deadline


@pytest.mark.parametrize(
    "value",
    [
        *("2030-01-01T00:00:00", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000Z", "2030-01-01 00:00:00"),
        *("2030-01-01T00:00:00.000000000Z", "2030-01-01T02:00:00+02:00", "2029-12-31T18:30:00.000-05:30"),
    ],
)
def test_a_time_without_a_zone_is_utc(value: str) -> None:
    assert deadline({"expires": value}) == datetime(2030, 1, 1, tzinfo=UTC)
    assert deadline({"expires": value, "utc": True}) == datetime(2030, 1, 1, tzinfo=UTC)


def test_no_deadline() -> None:
    assert deadline({}) is deadline({"expires": None, "utc": False}) is None


@pytest.mark.parametrize("value", ["", "soon", 20300101, 1893456000.0, 0, True, ["2030-01-01"], {}])
def test_what_is_no_time_is_refused_by_its_path(value: Any) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        deadline({"expires": value})
    assert refusal.value.details["path"] == "expires"


def test_a_local_time_of_a_sender_that_says_so_is_refused() -> None:
    """Nobody knows its zone: it could pass hours too early or too late."""
    with pytest.raises(InvalidParameter, match="needs an offset") as refusal:
        deadline({"expires": "2030-01-01T00:00:00", "utc": False})
    assert refusal.value.details["path"] == "expires"
    local = {"expires": "2030-01-01T09:00:00+09:00", "utc": False}
    assert deadline(local) == datetime(2030, 1, 1, tzinfo=UTC)
