"""Writes of a group of which some missed: what the records say then."""

from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from tests.plugins.test_groups import applied, group, state
from tests.plugins.writes import DISABLE, ENABLE, register
from tests.support.stream import Stream
from worker.services import Services
from worker.store.plugins import GuardedWrite


def test_what_was_written_and_swept_meanwhile_is_not_decided_again(
    services: Services,
    another: Callable[[], Services],
    stream: Stream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sweep of another process empties the outbox of one plugin while the write of the other misses."""
    applied(services, group(register(), register("acme/slack")))
    other = another()
    write_many = services.plugins.write_many

    def swept(writes: Sequence[GuardedWrite], now: datetime) -> bool:
        # The revision of slack is another one by now; jira is written, published and swept.
        applied(other, group(DISABLE.model_copy(update={"plugin_id": "slack"}), prefix="x"))
        assert not write_many(writes, now)
        monkeypatch.undo()
        other.publisher.publish_many(other.plugins.load(["d-1/jira"], now))
        other.plugins.clear({"d-1/jira": 2})
        return False

    monkeypatch.setattr(services.plugins, "write_many", swept)
    slack = ENABLE.model_copy(update={"plugin_id": "slack"})
    outcomes = applied(
        services,
        group(ENABLE, DISABLE, DISABLE.model_copy(update={"plugin_id": "slack"}), slack, prefix="e"),
    )
    assert outcomes == [2, 2, 2, 3]
    assert state(services) == "DISABLED"
    stream.assert_gapless()
