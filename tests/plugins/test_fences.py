"""A fence that no epoch may reach: it counts as none, goes with the next write, and opens nothing meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import errors
from contracts.commands import Write
from tests.plugins.writes import DISABLE, ENABLE, register, update
from tests.support.commands import BoundLease, LostLease, apply, by, command_of
from worker.domain.command import Fenced
from worker.services import Services
from worker.store import documents

KEY, FORGED = "d-1/jira", 2**62


@pytest.fixture
def forged(services: Services) -> None:
    """A plugin that an owner with a forged epoch wrote."""
    apply(services, register(), by("c-0"))
    _forge(services)


def _forge(services: Services) -> None:
    services.database["plugins"].update_one({"_id": KEY}, {"$set": {"fence": FORGED}})


def test_it_is_overwritten_by_the_next_write(services: Services, forged: None) -> None:
    apply(services, DISABLE, by("c-1", epoch=5, lease=BoundLease))
    record = services.plugins.read(KEY)
    assert (record.fence, record.revision) == (5, 2)

    apply(services, ENABLE, by("c-2", epoch=5, lease=LostLease))
    assert services.plugins.read(KEY).revision == 3


@pytest.mark.usefixtures("forged")
def test_an_owner_that_was_frozen_is_kept_away(
    services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read the forged fence, and froze before its write; its successor goes on with 100 commands."""
    newer, frozen_write = another(), services.plugins.write_many

    def thaw(*arguments: Any) -> bool:
        monkeypatch.setattr(services.plugins, "write_many", frozen_write)
        apply(newer, update(name="late"), by("c-late", epoch=2, redelivered=True, lease=BoundLease))
        for number in range(99):
            apply(newer, update(name=f"N{number}"), by(f"n-{number}", epoch=2, lease=LostLease))
        monkeypatch.setattr(BoundLease, "confirm", lambda self: False)
        return frozen_write(*arguments)

    monkeypatch.setattr(services.plugins, "write_many", thaw)
    with pytest.raises(Fenced):
        apply(services, update(name="late"), by("c-late", epoch=1, lease=BoundLease))
    record = services.plugins.read(KEY)
    assert (record.revision, record.fence) == (101, 2)
    assert record.plugin is not None and record.plugin.name == "N98"


@pytest.mark.usefixtures("forged")
def test_a_redelivered_refusal_is_final(
    services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first owner read the forged fence and froze; its successor refuses the command."""
    newer, frozen_write = another(), services.plugins.write_many
    past = datetime.now(UTC) - timedelta(seconds=1)

    def thaw(*arguments: Any) -> bool:
        monkeypatch.setattr(services.plugins, "write_many", frozen_write)
        how = by("c-1", epoch=2, redelivered=True, expires=past, lease=BoundLease)
        with pytest.raises(errors.DeadlineExceeded):
            apply(newer, DISABLE, how)
        monkeypatch.setattr(BoundLease, "confirm", lambda self: False)
        return frozen_write(*arguments)

    monkeypatch.setattr(services.plugins, "write_many", thaw)
    with pytest.raises(Fenced):
        apply(services, DISABLE, by("c-1", epoch=1, lease=BoundLease))
    record = services.plugins.read(KEY)
    assert (record.revision, record.fence) == (1, 2)


@pytest.mark.usefixtures("forged")
def test_without_the_very_same_fence_a_redelivered_refusal_is_not_final(
    services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protection taken out: the same story ends with a command that was refused and applied."""
    monkeypatch.setattr(documents, "fence_guard", lambda fence, epoch: {"$lte": max(fence, epoch)})
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_a_redelivered_refusal_is_final(services, another, monkeypatch)
    record = services.plugins.read(KEY)
    assert record.plugin is not None and record.plugin.state == "DISABLED"


@pytest.mark.usefixtures("forged")
def test_a_fence_that_may_be_reached_still_counts_beside_it(services: Services) -> None:
    other = register(domain_id="d-2")
    apply(services, other, by("o-0", epoch=9))
    lease = BoundLease(5)
    writes: list[Write] = [DISABLE, update(domain_id="d-2", name="x"), register(domain_id="d-3")]
    services.writer.apply([command_of(write, by(f"c-{n}")) for n, write in enumerate(writes, 1)], lease)
    assert lease.epoch == 10
    assert services.plugins.read(KEY).fence == 10


def test_one_write_is_enough_to_be_rid_of_it(
    services: Services, forged: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    lease = BoundLease(5)

    def confirm() -> bool:
        asked.append(1)
        return True

    monkeypatch.setattr(lease, "confirm", confirm)
    writes: list[Write] = [DISABLE, ENABLE, DISABLE]
    for number, write in enumerate(writes, 1):
        services.writer.apply([command_of(write, by(f"c-{number}"))], lease)
    assert len(asked) == 1
