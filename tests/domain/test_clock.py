from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.support.clock import START, FakeClock
from worker.domain.clock import Clock


def test_the_clock_of_this_machine_tells_the_time_in_utc() -> None:
    before = datetime.now(UTC)
    assert before <= Clock.system().now() <= datetime.now(UTC)
    assert Clock.system().now().utcoffset() == timedelta(0)


def test_a_sleep_takes_its_time() -> None:
    clock = Clock.system()
    began = clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - began >= 0.01


def test_a_fake_clock_moves_only_when_it_is_told() -> None:
    clock = FakeClock()
    clock.sleep(1.5)
    clock.advance(2)
    assert clock.now() == START + timedelta(seconds=3.5)
    assert (clock.monotonic(), clock.slept) == (3.5, [1.5])


def test_one_part_of_a_clock_can_be_another() -> None:
    clock = replace(Clock.system(), now=lambda: START)
    assert clock.now() == START
