"""When an image is read again."""

import pytest

from worker.domain.schedule import Intervals, backoff, first_due, jittered, share


def test_interval_starts_at_an_hour_halves_on_change_and_grows_by_a_quarter_otherwise() -> None:
    intervals = Intervals()
    assert intervals.adapted(0, changed=True) == 3_600
    assert intervals.adapted(0, changed=False) == 3_600
    assert intervals.adapted(3_600, changed=True) == 1_800
    assert intervals.adapted(3_600, changed=False) == 4_500


def test_interval_stays_within_ten_minutes_and_twelve_hours() -> None:
    intervals = Intervals()
    fast = slow = intervals.start_s
    for _ in range(50):
        fast = intervals.adapted(fast, changed=True)
        slow = intervals.adapted(slow, changed=False)
    assert (fast, slow) == (600, 43_200)


def test_start_is_brought_within_the_bounds() -> None:
    assert Intervals(min_s=7_200).start_s == 7_200
    assert Intervals(min_s=1, max_s=60).start_s == 60


@pytest.mark.parametrize(("low", "high"), [(0, 10), (-1, 10), (20, 10)])
def test_bounds_that_make_no_sense_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="must"):
        Intervals(min_s=low, max_s=high)


def test_jitter_is_within_ten_percent() -> None:
    assert jittered(100, 0.0) == pytest.approx(90)
    assert 109.9 < jittered(100, 0.9999) < 110


def test_first_due_times_are_spread_evenly_over_the_starting_interval() -> None:
    intervals = Intervals()
    minutes = [0] * 60
    for number in range(60_000):
        minutes[int(first_due(f"images/host/image-{number}", intervals) // 60)] += 1
    assert min(minutes) > 850
    assert max(minutes) < 1_150


def test_backoff_doubles_to_its_limit_and_is_spread_over_its_upper_half() -> None:
    assert [backoff(n, 0.99999, first_s=60, max_s=600) for n in (1, 2, 3, 4, 5, 500)] == pytest.approx(
        [60, 120, 240, 480, 600, 600], rel=1e-4
    )
    assert backoff(3, 0.0, first_s=60, max_s=600) == 120


def test_share_is_the_same_for_the_same_names_and_within_one() -> None:
    assert share("a", "b") == share("a", "b") != share("ab")
    assert all(0 <= share(str(n)) < 1 for n in range(1_000))
