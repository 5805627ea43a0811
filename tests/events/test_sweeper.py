"""The sweeper: each commands worker has one, and one of them sweeps at a time."""

from typing import Any

import pytest
import redis

from tests.support.marks import MemoryMark
from tests.support.servers import wait_until
from tests.support.stream import Stream
from tests.support.subjects import MemorySubjects
from worker.events.mark import Mark
from worker.events.publish import Publisher
from worker.events.sweep import Sweep
from worker.events.sweeper import Sweeper, Turn
from worker.process.periodic import Periodic


def test_the_thread_repairs_after_each_loss_of_redis(
    client: redis.Redis, publisher: Publisher, stream: Stream
) -> None:
    subjects = MemorySubjects()
    sweep = Sweep([subjects], publisher, Mark(client, MemoryMark()))
    subjects.change("d/p1")
    turn = Turn(client)
    thread = Periodic("chores", [Sweeper(sweep, turn, interval_s=0.02)])
    thread.start()
    try:
        wait_until(lambda: not subjects.stored["d/p1"].outbox, what="a first comparison and sweep")
        stream.client.flushall()
        wait_until(lambda: stream.changes() == [(1, "resynced")], what="the repair")
    finally:
        thread.stop()
        turn.leave()
    assert stream.client.get("plugin.events:sweeper") is None


def test_one_process_sweeps_at_a_time(client: redis.Redis) -> None:
    mine, yours = Turn(client), Turn(client)
    assert mine.take()
    assert mine.take()
    assert not yours.take()
    mine.leave()
    assert yours.take()


def test_a_bug_in_the_sweep_does_not_end_it(client: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty:
        calls = 0

        def pending(self) -> Any:
            self.calls += 1
            raise ZeroDivisionError

    faulty: Any = Faulty()
    thread = Periodic("chores", [Sweeper(faulty, Turn(client), interval_s=0.01)])
    thread.start()
    wait_until(lambda: faulty.calls > 2, what="another try")
    thread.stop()
    assert "the sweep failed" in caplog.text
