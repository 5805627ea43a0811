"""``expires`` as a time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.errors import InvalidParameter
from worker.tasks.envelope import deadline


@pytest.mark.parametrize(
    "value",
    ["2030-01-01T00:00:00", "2030-01-01T00:00:00Z", "2030-01-01T02:00:00+02:00", datetime(2030, 1, 1)],
)
def test_a_time_without_a_zone_is_utc(value: object) -> None:
    assert deadline(value) == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "soon", 20300101, 1893456000.0, True, ["2030-01-01"], {}])
def test_what_is_no_time_is_refused_by_its_path(value: Any) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        deadline(value)
    assert refusal.value.details["path"] == "expires"
