"""Two processes sweep in turn, one of them is frozen, and Redis goes back: the loss is noticed all the same."""

from collections.abc import Callable

import fakeredis
import pytest

from contracts.events import PLUGIN_CHANGED
from tests.events.losses import LossyRedis
from tests.support.clock import START, FakeClock
from tests.support.marks import MemoryMark
from tests.support.subjects import MemorySubjects
from worker.events.mark import Mark
from worker.events.positions import LAST_REVISIONS, field_of
from worker.events.publish import Publisher
from worker.events.reconcile import Reconcile
from worker.events.sweep import Sweep

NAME = "d/p1"


class FrozenMemory:
    """The memory of a process that is frozen before it keeps a mark. ``meanwhile``: what others do."""

    def __init__(self, memory: MemoryMark, meanwhile: Callable[[], None]) -> None:
        self._memory = memory
        self._meanwhile = meanwhile

    def read(self) -> str | None:
        return self._memory.read()

    def keep(self, mark: str, before: str | None) -> bool:
        self._meanwhile()
        return self._memory.keep(mark, before)


class Deployment:
    """A Redis that can go back, a store, and processes that sweep."""

    def __init__(self) -> None:
        self.redis = LossyRedis(fakeredis.FakeServer(version=(7, 2)))
        self.memory = MemoryMark()
        self.subjects = MemorySubjects()
        self.publisher = Publisher(self.redis, "/repositories/repo-local", 1_000_000)

    def sweep(self, mark: Mark | None = None) -> Sweep:
        clock = FakeClock(START.replace(year=START.year + 1))
        return Sweep([self.subjects], self.publisher, mark or Mark(self.redis, self.memory), clock=clock)

    def change(self) -> None:
        self.subjects.change(NAME)
        self.deliver_again()

    def deliver_again(self) -> None:
        """Publish what the stream lacks, as a command does that was applied and comes again."""
        self.publisher.publish_many(self.subjects.load([NAME], START))

    @property
    def now(self) -> int:
        return len(self.redis.history) - 1

    def is_whole(self) -> bool:
        """Whether the stream has the last revision, after a pass of a process that starts now."""
        sweep_once(self.sweep())
        return self.publisher.positions(self.subjects.event_type, [NAME])[0].revision == self.revision

    @property
    def revision(self) -> int:
        return self.subjects.stored[NAME].revision


def sweep_once(sweep: Sweep) -> None:
    if not sweep.pending().is_sound:
        sweep.compare()


@pytest.fixture
def deployment() -> Deployment:
    made = Deployment()
    made.change()
    sweep_once(made.sweep())
    sweep_once(made.sweep())
    return made


def test_a_process_that_swept_before_another_one(deployment: Deployment) -> None:
    first, second = deployment.sweep(), deployment.sweep()
    sweep_once(first)
    moment = deployment.now
    deployment.change()
    sweep_once(second)
    deployment.redis.go_back(moment)
    assert not first.pending().is_sound


def test_a_store_that_was_restored_under_a_running_process(deployment: Deployment) -> None:
    sweep = deployment.sweep()
    backup = deployment.memory.kept
    deployment.change()
    sweep_once(sweep)
    deployment.memory.kept = backup
    assert not sweep.pending().is_sound


def test_a_process_that_keeps_its_mark_too_late(deployment: Deployment) -> None:
    moments = []

    def meanwhile() -> None:
        moments.append(deployment.now)
        second = deployment.sweep()
        sweep_once(second)
        deployment.change()
        sweep_once(second)

    deployment.change()
    mark = Mark(deployment.redis, FrozenMemory(deployment.memory, meanwhile))
    assert not deployment.sweep(mark).pending().is_sound
    deployment.redis.go_back(moments[0])
    assert deployment.is_whole()


def test_what_others_repair_while_everything_is_compared(deployment: Deployment) -> None:
    """Redis loses an event, then what a command published in its place, but not the mark that was put."""
    moments = []

    class Overtaken(Mark):
        def put(self) -> None:
            super().put()
            moments.append(deployment.now)
            deployment.deliver_again()

    deployment.redis.plain.delete(LAST_REVISIONS)
    deployment.redis.remember()
    assert deployment.sweep(Overtaken(deployment.redis, deployment.memory)).compare().is_sound
    deployment.redis.go_back(moments[0])
    assert deployment.is_whole()


def test_what_an_operator_has_lifted(deployment: Deployment) -> None:
    """The lifted event stays in its outbox until the mark tells of its loss."""
    deployment.redis.plain.hset(LAST_REVISIONS, field_of(PLUGIN_CHANGED, NAME), "7:x")
    deployment.redis.remember()
    moment = deployment.now
    repaired = list(Reconcile([deployment.subjects], deployment.publisher, deployment.redis).repair())
    assert [each.revision for each in repaired] == [8]
    deployment.redis.go_back(moment)
    assert deployment.is_whole()
