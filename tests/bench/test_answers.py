"""What counts as answered, and what ends a measurement that goes nowhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fakeredis import FakeRedis

from tests.bench.answers import KEY, Answers, check_events, forget
from tests.bench.load import noops
from tests.bench.servers import BenchError

SENT = noops(10)


class Worker:
    """A process that runs, or has ended."""

    name, returncode = "worker", -9

    def __init__(self, *, running: bool = True) -> None:
        self.running = running

    def tail(self) -> str:
        return "the end of its log"


def servers(answered: int, *others: str) -> Any:
    """Stand for servers with so many answers to SENT, and with other keys."""
    redis = FakeRedis()
    for name in [*others, *(KEY + each.command_id for each in SENT[:answered])]:
        redis.set(name, "{}")
    return SimpleNamespace(redis=redis, events=lambda: answered)


def answers(given: Any, worker: Worker | None = None) -> Answers:
    workers: list[Any] = [worker or Worker()]
    return Answers(given, workers, SENT)


def test_only_answers_to_what_was_sent_count() -> None:
    count, _ = answers(servers(7, "plugin.commands:lease", f"{KEY}another")).wait(5)
    assert count == 7


def test_other_keys_do_not_stand_for_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.answers._STALLED_S", 0.0)
    with pytest.raises(BenchError, match=r"no answer for 0 s:\nthe end of its log"):
        answers(servers(2, *(f"other-{number}" for number in range(20)))).wait(5)


def test_a_worker_that_ended_ends_the_case() -> None:
    with pytest.raises(BenchError, match="worker ended with status -9"):
        answers(servers(2), Worker(running=False)).wait(5)


def test_a_drain_needs_more_commands_than_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "_busy_s", lambda self: {})
    with pytest.raises(BenchError, match="more are needed"):
        answers(servers(10)).drain()


def test_a_missing_event_is_an_error() -> None:
    check_events(servers(3), 3)
    with pytest.raises(BenchError, match="4 events were to come, 3 came"):
        check_events(servers(3), 4)


def test_forgotten_answers_are_gone() -> None:
    given = servers(10, "plugin.events")
    forget(given, SENT)
    assert given.redis.keys() == [b"plugin.events"]
