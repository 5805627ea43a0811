"""The sweep: it publishes what a crash left, and repairs what Redis lost."""

from datetime import timedelta

import pytest

from tests.support.clock import START, FakeClock
from tests.support.stream import Stream
from tests.support.subjects import ChangingSubjects, StoredSubjects
from worker.events.mark import Mark
from worker.events.publish import Publisher
from worker.events.sweep import Sweep

NAMES = [f"d/p{number}" for number in range(7)]
REVISIONS = "plugin.events:revisions"


def waiting(subjects: ChangingSubjects) -> int:
    """The number of subjects with unpublished events."""
    return len(list(subjects.pending(START + timedelta(days=1))))


def sweep_of(subjects: ChangingSubjects, publisher: Publisher, mark: Mark, age_s: float = 10.0) -> Sweep:
    """A sweep when the events are ``age_s`` old."""
    return Sweep([subjects], publisher, mark, clock=FakeClock(START + timedelta(seconds=age_s)))


@pytest.fixture
def sweep(subjects: ChangingSubjects, publisher: Publisher, mark: Mark) -> Sweep:
    return sweep_of(subjects, publisher, mark)


def publish(subjects: ChangingSubjects, publisher: Publisher, *names: str) -> None:
    """Publish as a writer does: the outbox is left to the sweep."""
    publisher.publish_many(subjects.load(names, START))
    subjects.loaded.clear()


def test_it_publishes_what_a_crash_left_and_clears(
    subjects: ChangingSubjects, stream: Stream, sweep: Sweep
) -> None:
    for name in NAMES:
        subjects.change(name)
    assert stream.changes() == []
    assert sweep.pending().repaired == 7
    assert len(stream.changes()) == 7
    stream.assert_gapless()
    assert waiting(subjects) == 0
    assert sweep.pending().seen == 0


def test_it_clears_what_is_published_and_publishes_nothing_twice(
    subjects: ChangingSubjects, publisher: Publisher, stream: Stream, sweep: Sweep
) -> None:
    for name in NAMES:
        subjects.change(name)
    publish(subjects, publisher, *NAMES)
    report = sweep.pending()
    assert (report.seen, report.repaired, waiting(subjects)) == (7, 0, 0)
    assert len(stream.changes()) == 7


def test_the_newest_are_left_to_their_writer(
    subjects: ChangingSubjects, publisher: Publisher, mark: Mark
) -> None:
    subjects.change("d/p1")
    assert sweep_of(subjects, publisher, mark, age_s=1.0).pending().seen == 0
    assert sweep_of(subjects, publisher, mark, age_s=3.0).pending().seen == 1


def test_comparing_repairs_a_redis_that_lost_everything(
    subjects: ChangingSubjects, stream: Stream, sweep: Sweep
) -> None:
    for name in NAMES:
        subjects.change(name)
    sweep.pending()
    stream.client.flushall()
    assert sweep.compare().repaired == 7
    assert stream.changes() == [(1, "resynced")] * 7
    assert sweep.compare().repaired == 0


def test_a_stream_ahead_is_told_and_left_alone(
    subjects: ChangingSubjects, publisher: Publisher, stream: Stream, sweep: Sweep
) -> None:
    subjects.change("d/p1")
    publish(subjects, publisher, "d/p1")
    stream.client.hset(REVISIONS, "PluginChanged|d/p1", "9:another")
    assert sweep.compare().ahead == 1
    assert len(stream.changes()) == 1


def test_an_outbox_of_another_history_is_never_cleared(
    subjects: ChangingSubjects, publisher: Publisher, stream: Stream, sweep: Sweep
) -> None:
    """A restored store reaches the stream's revision again, with other events."""
    subjects.change("d/p1")
    publish(subjects, publisher, "d/p1")
    stream.client.hset(REVISIONS, "PluginChanged|d/p1", "1:another")
    assert sweep.pending().ahead == 1
    assert waiting(subjects) == 1


def test_streams_ahead_are_told_once_and_looked_at_when_they_move(
    subjects: ChangingSubjects,
    publisher: Publisher,
    stream: Stream,
    sweep: Sweep,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A restored store leaves any number of them, and a pass is made every second."""
    for name in NAMES:
        subjects.change(name)
        publish(subjects, publisher, name)
        stream.client.hset(REVISIONS, f"PluginChanged|{name}", "9:another")
    assert sweep.pending().ahead == 7
    (text,) = [record.getMessage() for record in caplog.records]
    assert "7 more" in text
    assert "revision 9 on the stream, 1 in the store" in text

    subjects.loaded.clear()
    assert [sweep.pending().ahead for _ in range(3)] == [7, 7, 7]
    assert not subjects.loaded

    subjects.change("d/p3")
    assert sweep.pending().ahead == 7
    assert set(subjects.loaded) == {"d/p3"}
    stream.client.hset(REVISIONS, "PluginChanged|d/p5", "0:another")
    assert (sweep.pending().repaired, sweep.pending().ahead) == (1, 6)
    assert len(caplog.records) == 1

    # A full comparison, once an hour, tells what still waits for an operator.
    sweep.compare()
    assert "6 more" in caplog.records[1].getMessage()


@pytest.mark.process
@pytest.mark.parametrize("subjects", ["mongodb"], indirect=True)
def test_a_tombstone_is_repaired_as_deregistered(
    subjects: StoredSubjects, stream: Stream, sweep: Sweep
) -> None:
    subjects.change("d/p1")
    subjects.remove("d/p1")
    sweep.pending()
    stream.client.flushall()
    sweep.compare()
    assert stream.changes() == [(2, "deregistered")]
    assert stream.entries()[0]["gap"] == "true"
