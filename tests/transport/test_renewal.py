"""What the log says while leases cannot be renewed."""

import logging

import pytest
import redis

from tests.support.servers import wait_until
from worker.transport import renewal
from worker.transport.renewal import Renewal


class FakeRedis:
    """One whose leases are renewed, unless it is away; ``calls``: how often that was tried."""

    def __init__(self, *, away: bool) -> None:
        self.away = away
        self.calls = 0

    def renew(self) -> None:
        self.calls += 1
        if self.away:
            raise redis.ConnectionError("Connection refused")


class Passed(float):
    """A limit that has passed; ``looks``: how often that was asked."""

    looks = 0

    def __lt__(self, other: float) -> bool:
        self.looks += 1
        return True


def test_an_outage_is_told_once_and_is_no_event_loop_that_stands_still(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = FakeRedis(away=True)
    made = Renewal(server.renew, 0.001)
    try:
        wait_until(lambda: server.calls > 5)
        passed = Passed()
        monkeypatch.setattr(renewal, "LOOP_ALIVE_S", passed)
        wait_until(lambda: passed.looks > 5)
    finally:
        made.stop()
    told = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert told == [(logging.WARNING, "leases are not renewed: Redis does not answer (connection refused)")]


def test_an_event_loop_that_stands_still_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(renewal, "LOOP_ALIVE_S", -1.0)
    made = Renewal(FakeRedis(away=False).renew, 0.001)
    try:
        wait_until(lambda: bool(caplog.records))
    finally:
        made.stop()
    assert caplog.records[0].levelno == logging.CRITICAL
