"""The chores of a commands worker, each on its own."""

import logging
import os
import signal
import time
from typing import Any

import pytest
import redis

from contracts.errors import StoreUnavailable
from tests.support.servers import wait_until
from worker.process import chores
from worker.process.chores import (
    DrainParkedMessages,
    EnsureIndexes,
    KeepPartitions,
    ParkedMessageSink,
    WorkerThreads,
)
from worker.process.partitions import PARTITIONS, Partitions
from worker.process.periodic import Periodic
from worker.tasks.broker import BrokerUnavailable


class Maker:
    """Makes indexes, and meets ``errors`` first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, database: object) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


def test_indexes_are_made_once_when_the_store_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker(StoreUnavailable("away"), StoreUnavailable("away"))
    monkeypatch.setattr(chores, "ensure_indexes", maker)
    chore = EnsureIndexes(None)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            chore.run()
    for _ in range(3):
        chore.run()
    assert maker.calls == 3


def test_indexes_that_cannot_be_made_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker(ZeroDivisionError("a bug"))
    monkeypatch.setattr(chores, "ensure_indexes", maker)
    chore = EnsureIndexes(None)
    with pytest.raises(ZeroDivisionError):
        chore.run()
    chore.run()
    assert maker.calls == 1


def test_a_number_that_was_changed_ends_the_process_once(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    chore = KeepPartitions(Partitions(client), 2)
    chore.run()
    assert (client.get(PARTITIONS), sent) == (b"2", [])
    client.set(PARTITIONS, 4)
    chore.run()
    chore.run()
    assert sent == [(os.getpid(), signal.SIGTERM)]
    assert "there are 4 partition(s) now, not 2" in caplog.text


def test_a_message_that_cannot_be_answered_is_kept_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[object] = []

    class Parking:
        def store(self, parked: object) -> None:
            kept.append(parked)

    parking: Any = Parking()
    app: Any = None
    parked: Any = object()
    with caplog.at_level(logging.ERROR):
        ParkedMessageSink(app, parking)([parked])
    assert kept == [[parked]]
    assert "could not be answered" in caplog.text


def test_a_drain_that_waits_is_not_over_before_its_next_try() -> None:
    """Else it would be told as a new wait each time, and not once a minute."""
    tries: list[object] = []

    class Away:
        def __getattr__(self, command: str) -> Any:
            tries.append(command)
            raise redis.ConnectionError("away")

    room: Any = None
    chore = DrainParkedMessages(Away(), ["plugin.commands"], lambda parked: None, room)
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            chore.run()
    assert len(tries) == 1


class Watched(Periodic):
    """Notes in ``told`` what it is told."""

    def __init__(self, told: list[str]) -> None:
        super().__init__("watched", [])
        self._told = told

    def ask_to_stop(self) -> None:
        super().ask_to_stop()
        self._told.append("end")

    def stop(self, within_s: float = 0.0) -> None:
        self._told.append("wait" if within_s else "do not wait")


def test_no_thread_is_waited_for_before_all_are_told_to_end() -> None:
    told: list[str] = []
    WorkerThreads([Watched(told), Watched(told)]).stop()
    assert told == ["end", "end", "wait", "wait"]


def test_threads_that_were_told_to_end_long_ago_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that waits for the store has taken of the same time."""
    told: list[str] = []
    threads = WorkerThreads([Watched(told)])
    monkeypatch.setattr(chores, "STOP_S", 0.1)
    threads.ask_to_stop()
    long_after = time.monotonic() + 0.1
    wait_until(lambda: time.monotonic() >= long_after, 30, "the end of the time for it")
    threads.stop()
    assert told == ["end", "end", "do not wait"]
