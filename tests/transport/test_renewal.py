"""What the log says of leases that are not renewed, because the event loop does not turn."""

import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from kombu.exceptions import OperationalError

from contracts._redis.waits import Waits
from tests.support.servers import wait_until
from worker.transport import consumer
from worker.transport.consumer import Consumer
from worker.transport.renewal import LOOP_ALIVE_S, Renewal


@pytest.fixture
def renewal(caplog: pytest.LogCaptureFixture) -> Iterator[Renewal]:
    """That of an event loop which has not turned for long."""
    made = Renewal(_never, 0.2)
    made.wait("Redis does not answer")
    made.last_beat -= 2 * LOOP_ALIVE_S
    yield made
    made.stop()


def _never() -> None:
    """Renew nothing."""


def test_an_outage_is_named_and_is_a_warning(renewal: Renewal, caplog: pytest.LogCaptureFixture) -> None:
    wait_until(lambda: caplog.records, 30, "a line of the log")
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.messages == ["leases are not renewed in this outage: Redis does not answer"]


def test_an_event_loop_that_is_stuck_is_critical(
    renewal: Renewal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: caplog.records, 30, "the warning")
    # It waits no longer, and does not turn either.
    monkeypatch.setattr(renewal, "_waited_at", float("-inf"))
    wait_until(lambda: len(caplog.records) == 2, 30, "another line of the log")
    assert caplog.records[1].levelno == logging.CRITICAL


class Away:
    """A connection that is tried once in vain."""

    def as_uri(self) -> str:
        return "redis://host/0"

    def ensure_connection(self, tell: Callable[[Exception, float], None], *_: Any, **__: Any) -> "Away":
        tell(OperationalError("refused"), 1.0)
        return self


def test_a_consumer_that_cannot_connect_names_the_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    monkeypatch.setattr(consumer, "open_inboxes", lambda: [SimpleNamespace(waits=named.append)])
    made = Consumer.__new__(Consumer)
    made._connecting = Waits(logging.getLogger(__name__))
    made.ensure_connected(Away())
    assert named == ["it does not answer"]


def test_a_redis_that_is_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[None] = []

    def renew() -> None:
        tries.append(None)
        raise redis.ConnectionError("Connection refused")

    made = Renewal(renew, 0.001)
    try:
        wait_until(lambda: len(tries) > 5, 30, "the tries")
    finally:
        made.stop()
    told = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert told == [(logging.WARNING, "leases are not renewed: Redis does not answer (connection refused)")]
