"""A batch whose plugins are too large together is applied in slices, as far as its budget."""

from typing import Any

import pytest

from contracts.commands import UpdatePlugin
from contracts.parse import parse
from tests.plugins.writes import register
from tests.support.commands import OwnLease, apply, by, command_of
from tests.support.stream import Stream
from worker.domain.command import Command
from worker.plugins.plan import Done
from worker.plugins.slices import SlicedBatch
from worker.services import Services

NAMES = [f"p{number}" for number in range(10)]


@pytest.fixture
def plugins(services: Services) -> None:
    for name in NAMES:
        apply(services, register(f"acme/{name}", tags={"t": "x" * 10_000}), by(f"r-{name}"))


def items(*names: str) -> list[Command]:
    """A change of each plugin, as an item of a batch."""
    return [
        command_of(
            parse(UpdatePlugin, {"domain_id": "d-1", "plugin_id": name, "name": f"n{number}"}),
            by(f"i-{number}"),
            is_item=True,
        )
        for number, name in enumerate(names)
    ]


def outcomes_of(services: Services, commands: list[Command]) -> list[Any]:
    applied = SlicedBatch(services.writer, services.publisher).apply(commands, OwnLease(1))
    assert applied.subjects == []
    return [o.plugin.revision if isinstance(o, Done) else o.code for o in applied.outcomes]


@pytest.mark.usefixtures("plugins")
def test_each_item_is_applied_once_and_told_in_its_place(services: Services, stream: Stream) -> None:
    commands = items(*NAMES, *reversed(NAMES))
    assert outcomes_of(services, commands) == [2] * 10 + [3] * 10
    assert len(stream.changes()) == 30
    stream.assert_gapless()
    assert outcomes_of(services, commands) == [3] * 20
    assert len(stream.changes()) == 30


@pytest.mark.usefixtures("plugins")
def test_what_is_behind_the_budget_is_refused(
    services: Services, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.plugins.slices.MAX_CHANGED_BYTES", 35_000)
    commands = items(*NAMES)
    # Four plugins are one slice.
    assert outcomes_of(services, commands) == [2] * 4 + ["INVALID_PARAMETER"] * 6
    assert len(stream.changes()) == 14
    # Delivered again, it is answered alike.
    assert outcomes_of(services, commands) == [2] * 4 + ["INVALID_PARAMETER"] * 6
    assert len(stream.changes()) == 14


@pytest.mark.usefixtures("plugins")
def test_no_more_plugins_are_held_than_an_answer_has_room_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.plugins.slices.MAX_ANSWER_BYTES", 25_000)
    applied = SlicedBatch(services.writer, services.publisher).apply(items(*NAMES), OwnLease(1))
    done = [outcome for outcome in applied.outcomes if isinstance(outcome, Done)]
    assert [bool(outcome.text) for outcome in done] == [True] * 2 + [False] * 8
    assert not any(outcome.plugin.tags for outcome in done)
