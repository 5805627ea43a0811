"""What happens next is decided by the type of the error."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from contracts.errors import InternalFault, PluginNotFound, StoreUnavailable
from worker.domain.command import Fenced, GiveBack
from worker.events.unavailable import EventsUnavailable
from worker.plugins.plan import TRIES
from worker.tasks.supervise import GIVE_UP_S, supervise


class Lease:
    """A lease that counts, and ends the process after some waits."""

    epoch = 1

    def __init__(self, ends_after: int = 1_000_000) -> None:
        self.waits: list[float] = []
        self.given_up = False
        self._ends_after = ends_after

    def confirm(self) -> bool:
        return True

    def raise_epoch(self, at_least: int) -> bool:
        return True

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) >= self._ends_after

    def give_up(self) -> None:
        self.given_up = True


def failing(*faults: BaseException) -> tuple[Callable[[bool], str], list[bool]]:
    """A step that fails with these, in turn, and then succeeds; and whether each try was told of an earlier one."""
    seen: list[bool] = []
    left = list(faults)

    def step(again: bool) -> str:
        seen.append(again)
        if left:
            raise left.pop(0)
        return "done"

    return step, seen


def never(bug: Exception) -> InternalFault:
    raise AssertionError("parked") from bug


def run(step: Callable[[bool], Any], lease: Lease, park: Any = never, **options: Any) -> Any:
    return supervise(step, lease, "c-1", park, **options)


def test_an_outage_is_waited_for_and_the_same_command_tried_again() -> None:
    lease = Lease()
    step, seen = failing(*[StoreUnavailable("away"), EventsUnavailable("away")] * 10)
    assert run(step, lease) == "done"
    assert len(seen) == 21
    assert all(0.05 <= wait <= 1.0 for wait in lease.waits)
    assert seen == [False] + [True] * 20


def test_a_refusal_is_final() -> None:
    step, seen = failing(PluginNotFound("no"))
    with pytest.raises(PluginNotFound):
        run(step, Lease())
    assert len(seen) == 1


def test_a_process_that_ends_gives_the_message_back() -> None:
    step, _ = failing(*[StoreUnavailable("away")] * 5)
    with pytest.raises(GiveBack):
        run(step, Lease(ends_after=2))


def test_a_fault_is_tried_three_times_and_parked() -> None:
    parked: list[Exception] = []

    def park(bug: Exception) -> InternalFault:
        parked.append(bug)
        return InternalFault("kept", details={"dead_letter_id": "x"})

    step, seen = failing(*[ZeroDivisionError(str(n)) for n in range(9)])
    with pytest.raises(InternalFault):
        run(step, Lease(), park)
    assert len(seen) == TRIES
    assert [str(bug) for bug in parked] == ["2"]


def test_a_fault_that_passes_is_no_fault() -> None:
    step, _ = failing(ZeroDivisionError(), ZeroDivisionError())
    assert run(step, Lease()) == "done"


def test_a_store_that_only_others_may_reach_costs_the_lease() -> None:
    now = iter(range(0, 1000, 10))
    lease = Lease()
    step, seen = failing(*[StoreUnavailable("away")] * 50)
    with pytest.raises(Fenced):
        run(step, lease, clock=lambda: float(next(now)))
    assert lease.given_up
    assert len(seen) <= GIVE_UP_S / 10 + 2


def test_a_redis_that_is_away_does_not() -> None:
    now = iter(range(0, 1000, 10))
    lease = Lease()
    step, _ = failing(*[EventsUnavailable("away")] * 50)
    assert run(step, lease, clock=lambda: float(next(now))) == "done"
    assert not lease.given_up


def test_a_newer_owner_ends_it_at_once() -> None:
    step, seen = failing(Fenced())
    with pytest.raises(Fenced):
        run(step, Lease())
    assert len(seen) == 1


class Letters:
    """Keeps bugs, and is away for the first times."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.kept: list[str] = []

    def park(self, bug: Exception) -> InternalFault:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        self.kept.append(str(bug))
        return InternalFault("kept", details={"dead_letter_id": "x"})


def test_a_bug_is_kept_before_it_is_answered_however_long_the_store_is_away() -> None:
    letters, lease = Letters(away=2), Lease()
    step, seen = failing(*[ZeroDivisionError(str(n)) for n in range(20)])
    with pytest.raises(InternalFault):
        run(step, lease, letters.park)
    assert len(lease.waits) == 2
    assert len(seen) == 3 * TRIES
    assert letters.kept == ["8"]


def test_a_fault_of_an_outage_is_none_after_it() -> None:
    """What the driver raises while the store goes away need not look like an outage."""
    letters = Letters(away=1)
    step, seen = failing(*[ZeroDivisionError()] * TRIES)
    assert run(step, Lease(), letters.park) == "done"
    assert len(seen) == TRIES + 1
    assert letters.kept == []


def test_a_lease_that_cannot_be_given_up_now_is_kept_and_the_command_tried_again() -> None:
    class Unreachable(Lease):
        def give_up(self) -> None:
            raise EventsUnavailable("Redis is away as well")

    lease, times = Unreachable(), itertools.count(0.0, GIVE_UP_S + 1)
    step, seen = failing(*[StoreUnavailable("away")] * 4)
    assert run(step, lease, clock=lambda: next(times)) == "done"
    assert len(seen) == 5
    assert len(lease.waits) == 4


def test_a_fault_that_cannot_be_kept_waits_without_being_tried_again() -> None:
    lease = Lease(ends_after=3)

    def park(bug: Exception) -> InternalFault:
        raise RuntimeError("cannot be kept") from bug

    step, seen = failing(*[ZeroDivisionError()] * 9)
    with pytest.raises(GiveBack):
        run(step, lease, park)
    assert len(seen) == TRIES
    assert lease.waits == [1.0] * 3


def test_the_time_without_redis_is_none_without_the_store() -> None:
    now = itertools.count(0.0, GIVE_UP_S / 5)
    lease = Lease()
    step, _ = failing(*[EventsUnavailable("away")] * 20, StoreUnavailable("away"), StoreUnavailable("away"))
    assert run(step, lease, clock=lambda: next(now)) == "done"
    assert not lease.given_up


def test_without_anyone_to_keep_it_a_fault_is_the_callers() -> None:
    step, seen = failing(StoreUnavailable("away"), ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run(step, Lease(), None)
    assert seen == [False, True]
