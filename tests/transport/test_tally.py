"""Counts that are told at most once a second."""

from tests.support.clock import FakeClock
from worker.transport.tally import Tally


def test_the_first_count_is_told_at_once_and_the_rest_together() -> None:
    clock = FakeClock()
    tally = Tally(clock=clock.monotonic)
    assert tally.take() == ""
    tally.add({"not_json": 1})
    assert tally.take() == "1: 1 not_json"
    for _ in range(999):
        tally.add({"not_json": 2, "deaths": 1, "oversize": 0})
        assert tally.take() == ""
    clock.advance(1)
    assert tally.take() == "2997: 999 deaths, 1998 not_json"
    clock.advance(1)
    assert tally.take() == ""


def test_the_end_tells_the_rest_at_once() -> None:
    tally = Tally(clock=FakeClock().monotonic)
    tally.add({"x": 1})
    assert tally.take() and not tally.take(at_once=True)
    tally.add({"x": 2})
    assert not tally.take()
    assert tally.take(at_once=True) == "2: 2 x"
