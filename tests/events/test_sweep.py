"""The sweep: what a crash left is published, what Redis lost is repaired."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pytest
import redis

from contracts.commands import RegisterPlugin
from tests.support.attempts import attempt
from tests.support.servers import wait_until
from tests.support.stream import Stream
from worker.domain.events import Subject
from worker.events.sweep import Sweep
from worker.events.sweeper import Sweeper, Turn
from worker.process.periodic import Periodic
from worker.services import Services
from worker.settings import Settings
from worker.store.plugins import Plugins


@pytest.fixture
def services(redis_url: str, mongodb_url: str) -> Iterator[Services]:
    made = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
    yield made
    made.close()


@pytest.fixture
def stream(redis_url: str) -> Iterator[Stream]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as made:
        yield Stream(made)


@pytest.fixture
def sweep(services: Services) -> Sweep:
    return Sweep([services.plugins], services.publisher, grace_s=-1)


def register(services: Services, number: int) -> None:
    command = RegisterPlugin(domain_id="d", name="n", service_type="s", image=f"a/p{number}")
    services.writer.apply(command, attempt(f"c-{number}"))


def outboxes(services: Services) -> int:
    return int(services.database["plugins"].count_documents({"outbox": {"$exists": True}}))


def test_it_publishes_what_a_crash_left_and_clears(
    services: Services, stream: Stream, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(services.writer, "announce", lambda record: None)
        for number in range(7):
            register(services, number)
    assert stream.changes() == []
    assert sweep.pending().repaired == 7
    assert len(stream.changes()) == 7
    stream.assert_gapless()
    assert outboxes(services) == 0
    assert sweep.pending().seen == 0


def test_it_clears_what_is_published_and_publishes_nothing_twice(
    services: Services, stream: Stream, sweep: Sweep
) -> None:
    for number in range(7):
        register(services, number)
    report = sweep.pending()
    assert (report.seen, report.repaired, outboxes(services)) == (7, 0, 0)
    assert len(stream.changes()) == 7


def test_the_newest_are_left_to_their_writer(services: Services) -> None:
    register(services, 1)
    assert Sweep([services.plugins], services.publisher, grace_s=60).pending().seen == 0


def test_comparing_repairs_a_redis_that_lost_everything(
    services: Services, stream: Stream, sweep: Sweep
) -> None:
    for number in range(7):
        register(services, number)
    sweep.pending()
    stream.client.flushall()
    assert sweep.compare().repaired == 7
    assert stream.changes() == [(1, "resynced")] * 7
    assert sweep.compare().repaired == 0


def test_a_tombstone_is_repaired_as_deregistered(services: Services, stream: Stream, sweep: Sweep) -> None:
    from contracts.commands import DeregisterPlugin

    register(services, 1)
    services.writer.apply(DeregisterPlugin(domain_id="d", plugin_id="p1"), attempt("c-d"))
    stream.client.flushall()
    sweep.compare()
    assert stream.changes() == [(2, "deregistered")]
    assert stream.entries()[0]["gap"] == "true"


def test_a_stream_ahead_is_told_and_left_alone(services: Services, stream: Stream, sweep: Sweep) -> None:
    register(services, 1)
    stream.client.hset("plugin.events:revisions", "PluginChanged|d/p1", "9:another")
    assert sweep.compare().ahead == 1
    assert len(stream.changes()) == 1


def test_an_outbox_of_another_history_is_never_cleared(
    services: Services, stream: Stream, sweep: Sweep
) -> None:
    """A restored store reaches the stream's revision again, with other events."""
    register(services, 1)
    stream.client.hset("plugin.events:revisions", "PluginChanged|d/p1", "1:another")
    assert sweep.pending().ahead == 1
    assert outboxes(services) == 1


def test_streams_ahead_are_told_once_and_looked_at_when_they_move(
    services: Services, stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    """A restored store leaves any number of them, and a pass is made every second."""
    looked_at: list[str] = []

    class Watched(Plugins):
        def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
            looked_at.extend(names)
            return super().load(names, now)

    sweep = Sweep([Watched(services.database)], services.publisher, grace_s=-1)
    for number in range(7):
        register(services, number)
        stream.client.hset("plugin.events:revisions", f"PluginChanged|d/p{number}", "9:another")
    assert sweep.pending().ahead == 7
    (told,) = [record.getMessage() for record in caplog.records]
    assert "7 more" in told and "revision 9 on the stream, 1 in the store" in told

    looked_at.clear()
    assert [sweep.pending().ahead for _ in range(3)] == [7, 7, 7]
    assert not looked_at

    services.database["plugins"].update_one({"_id": "d/p3"}, {"$set": {"revision": 2}})
    assert sweep.pending().ahead == 7
    assert set(looked_at) == {"d/p3"}
    stream.client.hset("plugin.events:revisions", "PluginChanged|d/p5", "0:another")
    assert (sweep.pending().repaired, sweep.pending().ahead) == (1, 6)
    assert len(caplog.records) == 1

    # A full comparison, once an hour, tells what still waits for an operator.
    sweep.compare()
    assert "6 more" in caplog.records[1].getMessage()


def test_the_thread_repairs_after_each_new_run_of_redis(
    services: Services, stream: Stream, sweep: Sweep
) -> None:
    register(services, 1)
    sweep.pending()
    turn = Turn(services.redis)
    sweeper = Sweeper(sweep, services.publisher, turn, services.redis, interval_s=0.02)
    thread = Periodic("chores", [sweeper])
    thread.start()
    try:
        wait_until(lambda: stream.client.get("plugin.events:compared") is not None, 10, "a first comparison")
        stream.client.flushall()
        wait_until(lambda: stream.changes() == [(1, "resynced")], 10, "the repair")
    finally:
        thread.stop()
        turn.leave()
    assert stream.client.get("plugin.events:sweeper") is None


def test_one_process_sweeps_at_a_time(services: Services) -> None:
    mine, yours = Turn(services.redis), Turn(services.redis)
    assert mine.take() and mine.take()
    assert not yours.take()
    mine.leave()
    assert yours.take()


def test_a_bug_in_the_sweep_does_not_end_it(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty:
        calls = 0

        def pending(self) -> Any:
            self.calls += 1
            raise ZeroDivisionError

    faulty: Any = Faulty()
    sweeper = Sweeper(faulty, services.publisher, Turn(services.redis), services.redis, interval_s=0.01)
    thread = Periodic("chores", [sweeper])
    thread.start()
    wait_until(lambda: faulty.calls > 2, 10, "another try")
    thread.stop()
    assert "the sweep failed" in caplog.text
