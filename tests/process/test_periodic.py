"""The thread of the chores: whatever one of them meets, it goes on, and so do the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from contracts.errors import StoreUnavailable
from tests.support.servers import wait_until
from worker.process.periodic import Periodic


@dataclass(eq=False)
class Job:
    """A chore that counts its runs, and meets ``error`` in each."""

    name: str = "the job"
    interval_s: float = 0.01
    error: BaseException | None = None
    runs: int = field(default=0, init=False)

    def run(self) -> None:
        self.runs += 1
        if self.error is not None:
            raise self.error


@contextmanager
def running(*jobs: Job) -> Iterator[Periodic]:
    thread = Periodic("test", jobs)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


def has_run(job: Job, times: int) -> Callable[[], bool]:
    return lambda: job.runs >= times


def test_each_has_its_own_interval() -> None:
    often, seldom = Job(), Job(interval_s=60)
    with running(often, seldom):
        wait_until(has_run(often, 10), what="ten runs")
    assert seldom.runs == 1


def test_an_outage_is_logged_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    job, other = Job(error=StoreUnavailable("the store does not answer")), Job("another")
    with running(job, other):
        wait_until(has_run(job, 5), what="five tries")
        assert caplog.messages == ["the job waits: the store does not answer"]
        job.error = None
        wait_until(has_run(job, job.runs + 2), what="success")
        job.error = StoreUnavailable("away again")
        wait_until(has_run(job, job.runs + 3), what="three tries more")
    assert caplog.messages == ["the job waits: the store does not answer", "the job waits: away again"]
    assert other.runs > 5


def test_a_bug_ends_neither_the_thread_nor_another_chore(caplog: pytest.LogCaptureFixture) -> None:
    job, other = Job(error=ZeroDivisionError("a bug")), Job("another")
    with running(job, other) as thread:
        wait_until(has_run(job, 3), what="three tries")
        wait_until(has_run(other, 3), what="the other one")
        assert thread.is_alive()
    assert "the job failed and will be tried again" in caplog.text


def test_it_stops_at_once_though_nothing_is_due() -> None:
    job = Job(interval_s=3600)
    with running(job) as thread:
        wait_until(has_run(job, 1), what="the first run")
    assert not thread.is_alive()
