"""Beat's scheduler: what it says of a tick that cannot be sent, and that it goes on."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from celery.beat import SchedulingError

from tests.support.ports import free_port
from worker.app import create_app
from worker.process.beat import Scheduler
from worker.process.heartbeat import STALE_S, seen
from worker.settings import Settings


class Refusing(Scheduler):
    """Cannot send anything."""

    def apply_async(self, *_: Any, **__: Any) -> None:
        raise SchedulingError("no room")


def test_ticks_that_cannot_be_sent_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with create_app(Settings()) as app, caplog.at_level(logging.WARNING):
        scheduler = Refusing(app=app, lazy=True)
        for _ in range(3):
            scheduler.apply_entry(object())
    told = [(line.getMessage(), line.exc_info) for line in caplog.records]
    assert told == [("a tick is not sent: no room", None)]


def test_a_tick_ends_while_redis_is_away_and_is_a_beat_all_the_same(tmp_path: Path) -> None:
    beats = tmp_path / "beats"
    settings = Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0", heartbeat_dir=str(beats))
    with create_app(settings) as app:
        scheduler = Scheduler(app=app)
        for entry in scheduler.schedule.values():
            entry.last_run_at = entry.last_run_at.replace(year=2000)
        (path,) = beats.glob("*.json")
        os.utime(path, (0, 0))
        # Celery's own waits for Redis in its first tick.
        ticking = threading.Thread(target=scheduler.tick, daemon=True)
        ticking.start()
        ticking.join(60)
        assert not ticking.is_alive()
        assert [each.age_s < STALE_S for each in seen(beats)] == [True]
        scheduler.close()
