"""A worker that cannot start as it should does not start."""

import pytest

from worker.startup import _or_end, check_profile


def test_a_failure_ends_the_process(caplog: pytest.LogCaptureFixture) -> None:
    def step(**_: object) -> None:
        raise ValueError("no sweep")

    with pytest.raises(SystemExit, match="no sweep"):
        _or_end(step)(sender=None)


def test_success_goes_on() -> None:
    seen: list[object] = []
    _or_end(lambda **arguments: seen.append(arguments))(sender=1)
    assert seen == [{"sender": 1}]


@pytest.mark.parametrize(
    ("concurrency", "pool", "prefetch"),
    [(2, "threads", 1), (1, "prefork", 1), (1, "solo", 1), (1, "threads", 4)],
)
def test_a_commands_worker_applies_one_at_a_time(concurrency: int, pool: str, prefetch: int) -> None:
    with pytest.raises(SystemExit, match="celery -A worker worker -Q"):
        check_profile(concurrency, pool, prefetch)
    check_profile(1, "threads", 1)
