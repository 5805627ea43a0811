"""The answer to a message that is too large to be handed to any task."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.errors import InvalidParameter
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


@dataclass
class Backend:
    answers: dict[str, Any] = field(default_factory=dict)

    def refuse(self, command_id: str, fault: Exception) -> None:
        self.answers[command_id] = fault


@dataclass
class App:
    backend: Backend = field(default_factory=Backend)


def answers_to(parked: Parked) -> dict[str, Any]:
    app: Any = App()
    answer_oversize(app, parked)
    answers: dict[str, Any] = app.backend.answers
    return answers


def test_whoever_waits_is_told_the_limit_of_the_task() -> None:
    (fault,) = answers_to(Parked()).values()
    assert isinstance(fault, InvalidParameter)
    assert fault.message == f"the message has {len(WAITED_FOR)} bytes, at most 4194304 are allowed"
    (fault,) = answers_to(Parked(WAITED_FOR.replace(b"plugin.batch", b"plugin.enable"))).values()
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
def test_nothing_else_is_answered(parked: Parked) -> None:
    assert answers_to(parked) == {}
