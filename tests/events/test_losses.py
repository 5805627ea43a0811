"""Whatever Redis loses, and whenever, the sweep notices it and repairs the stream: without INFO."""

import os
from typing import Any

import pytest

from tests.events.losses import Blind, Died, Sure, Unchecked, Unmoved, Walk
from tests.support.clock import START, FakeClock
from tests.support.marks import MemoryMark, kept_mark
from tests.support.stream import Stream
from tests.support.subjects import MemorySubjects
from worker.events.mark import MARK, Mark
from worker.events.publish import Publisher
from worker.events.sweep import Sweep
from worker.store.client import connect_mongodb
from worker.store.stream_marks import StreamMark

STEPS = 30
SEEDS = range(500) if os.environ.get("LONG") else (1, 3, 13, 31, 43, *range(100, 107))


def loses(seed: int, kind: type[Mark]) -> bool:
    walk = Walk(seed, kind)
    walk.run(STEPS)
    return bool(walk.lost())


def test_no_loss_stays_hidden() -> None:
    assert [seed for seed in SEEDS if loses(seed, Mark)] == []


# With the first seed at which the harm is known to be found.
@pytest.mark.parametrize(("kind", "first"), [(Unmoved, 3), (Unchecked, 1), (Blind, 13), (Sure, 1)])
def test_a_weaker_mark_hides_some(kind: type[Mark], first: int) -> None:
    assert any(loses(seed, kind) for seed in range(first, first + 100))


def sweep_of(subjects: Any, publisher: Publisher, mark: Mark) -> Sweep:
    return Sweep([subjects], publisher, mark, grace_s=0, clock=FakeClock(START.replace(year=START.year + 1)))


def test_a_restart_that_lost_nothing_costs_no_comparison(client: Any, publisher: Publisher) -> None:
    subjects, memory = MemorySubjects(), MemoryMark()
    subjects.change("d/p1")
    sweep = sweep_of(subjects, publisher, Mark(client, memory))
    assert not sweep.pending().is_sound
    sweep.compare()
    assert sweep.pending().is_sound
    # Nor does another process that gets the turn.
    assert sweep_of(subjects, publisher, Mark(client, memory)).pending().is_sound


@pytest.mark.parametrize("found", [None, b"f" * 40, b"\xff", b""])
def test_another_mark_is_a_loss(client: Any, publisher: Publisher, found: bytes | None) -> None:
    """None: FLUSHALL, or an empty replica. 40 letters: a version that kept the run of Redis there."""
    mark = kept_mark(client)
    assert mark.is_kept()
    client.delete(MARK)
    if found is not None:
        client.set(MARK, found)
    assert not mark.is_kept()


def test_nothing_is_emptied_until_a_loss_is_repaired(
    client: Any, publisher: Publisher, stream: Stream
) -> None:
    subjects = MemorySubjects()
    sweep = sweep_of(subjects, publisher, kept_mark(client))
    subjects.change("d/p1")
    client.flushall()
    assert not sweep.pending().is_sound
    assert subjects.stored["d/p1"].outbox
    assert sweep.compare().is_sound
    assert sweep.pending().is_sound
    assert not subjects.stored["d/p1"].outbox
    assert stream.changes() == [(1, "registered")]


def test_the_store_knows_the_mark_before_an_outbox_is_emptied(client: Any, publisher: Publisher) -> None:
    class Ending(MemoryMark):
        def keep(self, mark: str) -> None:
            raise Died

    subjects, memory = MemorySubjects(), Ending()
    mark = Mark(client, memory)
    mark.put()
    memory.kept = client.get(MARK).decode()
    subjects.change("d/p1")
    with pytest.raises(Died):
        sweep_of(subjects, publisher, mark).pending()
    assert subjects.stored["d/p1"].outbox


@pytest.mark.process
def test_the_store_keeps_the_mark(mongodb_url: str) -> None:
    database = connect_mongodb(mongodb_url)
    first, second = StreamMark(database, "plugin.events"), StreamMark(database, "plugin.events")
    assert first.read() is None
    first.keep("a")
    second.keep("b")
    assert first.read() == "b"
    assert StreamMark(database, "another").read() is None
    database.client.close()
