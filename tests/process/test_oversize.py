"""The answer to a message that is too large to be handed to any task."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from contracts.errors import InvalidParameter
from worker.tasks.answer_store import AnswerStore
from worker.tasks.oversize import answer_oversize
from worker.transport.encode import task_message

WAITED_FOR = task_message("plugin.batch", "c-1", {}, "plugin.commands").replace(
    b'"ignore_result": true', b'"ignore_result": null'
)


@dataclass(frozen=True)
class Parked:
    raw: bytes = WAITED_FOR
    reason: str = "oversize"
    id: str = "p-1"
    queue: str = "plugin.commands"
    detail: str = ""
    parked_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    deaths: int = 0


Answers = Callable[[Parked], list[Any]]


@pytest.fixture
def answers_to(redis_url: str) -> Iterator[Answers]:
    """Parks a message; returns the answers that are stored then, as Celery reads them."""
    backend = Celery("test", backend=redis_url, set_as_current=False).backend
    with Redis.from_url(redis_url) as client:

        def park(parked: Parked) -> list[Any]:
            client.flushdb()
            answer_oversize(AnswerStore(client), parked)
            keys: Any = client.keys("celery-task-meta-*")
            return [backend.get_result(key.decode().removeprefix("celery-task-meta-")) for key in keys]

        yield park


def test_whoever_waits_is_told_the_limit_of_the_task(answers_to: Answers) -> None:
    (fault,) = answers_to(Parked())
    assert isinstance(fault, InvalidParameter)
    assert fault.message == f"the message has {len(WAITED_FOR)} bytes, at most 4194304 are allowed"
    (fault,) = answers_to(Parked(WAITED_FOR.replace(b"plugin.batch", b"plugin.enable")))
    assert "at most 524288" in fault.message


@pytest.mark.parametrize(
    "parked",
    [
        replace(Parked(), reason="deaths"),
        Parked(task_message("plugin.batch", "c-1", {}, "plugin.commands")),
        Parked(WAITED_FOR[:-1]),
        Parked(WAITED_FOR.replace(b'"id": "c-1"', b'"id": 7')),
        Parked(WAITED_FOR.replace(b'"id": "c-1"', b'"id": "\\ud800"')),
        Parked(b"[" * 5000),
    ],
    ids=["parked for another reason", "nobody waits", "cut off", "id a number", "id no text", "deep"],
)
def test_nothing_else_is_answered(answers_to: Answers, parked: Parked) -> None:
    assert answers_to(parked) == []
