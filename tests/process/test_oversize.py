"""The answer to a message that is too large to be handed to any task."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from contracts.errors import InvalidParameter
from tests.support.parked import AT
from worker.dead_letters.message import read_message
from worker.domain.dead_letter import DeadLetter
from worker.tasks.answer_store import AnswerStore
from worker.tasks.oversize import answer_oversize
from worker.transport.encode import task_message

WAITED_FOR = task_message("plugin.batch", "c-1", {}, "plugin.commands").replace(
    b'"ignore_result": true', b'"ignore_result": null'
)


def letter(raw: bytes = WAITED_FOR, reason: str = "oversize") -> DeadLetter:
    """What is stored of a message that was parked."""
    reading = read_message(raw)
    return DeadLetter(
        id="p-1",
        queue="plugin.commands",
        reason=reason,
        error="",
        raw=reading.raw,
        parked_at=AT,
        task=reading.task,
        headers=reading.headers,
        size=len(raw),
    )


Answers = Callable[[DeadLetter], list[Any]]


@pytest.fixture
def answers_to(redis_url: str) -> Iterator[Answers]:
    """Parks a message; returns the answers that are stored then, as Celery reads them."""
    backend = Celery("test", backend=redis_url, set_as_current=False).backend
    with Redis.from_url(redis_url) as client:

        def park(parked: DeadLetter) -> list[Any]:
            client.flushdb()
            answer_oversize(AnswerStore(client), [parked])
            keys: Any = client.keys("celery-task-meta-*")
            return [backend.get_result(key.decode().removeprefix("celery-task-meta-")) for key in keys]

        yield park


def test_whoever_waits_is_told_the_limit_of_the_task(answers_to: Answers) -> None:
    (fault,) = answers_to(letter())
    assert isinstance(fault, InvalidParameter)
    assert fault.message == f"the message has {len(WAITED_FOR)} bytes, at most 4194304 are allowed"
    (fault,) = answers_to(letter(WAITED_FOR.replace(b"plugin.batch", b"plugin.enable")))
    assert "at most 524288" in fault.message


@pytest.mark.parametrize(
    "parked",
    [
        letter(reason="deaths"),
        letter(task_message("plugin.batch", "c-1", {}, "plugin.commands")),
        letter(WAITED_FOR[:-1]),
        letter(WAITED_FOR.replace(b'"id": "c-1"', b'"id": 7')),
        letter(WAITED_FOR.replace(b'"id": "c-1"', b'"id": "\\ud800"')),
        letter(b"[" * 5000),
    ],
    ids=["parked for another reason", "nobody waits", "cut off", "id a number", "id no text", "deep"],
)
def test_nothing_else_is_answered(answers_to: Answers, parked: DeadLetter) -> None:
    assert answers_to(parked) == []
