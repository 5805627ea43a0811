"""Commands as the engine gets them, applied and announced, where no worker runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.catalog import WRITES
from contracts.commands import BatchItem, Write
from contracts.errors import ContractError
from contracts.parse import parse
from contracts.plugin import PluginInfo
from worker.domain.command import Command, Lease, Origin
from worker.domain.record import own_key
from worker.plugins.plan import Applied, Done, Outcome
from worker.services import Services


class OwnLease:
    """A lease that stays; no test that uses it has anything to wait for."""

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch

    def confirm(self) -> bool:
        return True

    def raise_epoch(self, at_least: int) -> bool:
        self.epoch = max(self.epoch, at_least)
        return True

    def wait(self, seconds: float) -> bool:
        raise AssertionError("something is away")

    def give_up(self) -> None:
        raise AssertionError("something is away")


class BoundLease(OwnLease):
    """A lease whose epoch may not be above 10^13."""

    def raise_epoch(self, at_least: int) -> bool:
        return at_least > 10**13 or super().raise_epoch(at_least)


class LostLease(OwnLease):
    """A lease that another process has taken."""

    def confirm(self) -> bool:
        return False

    def raise_epoch(self, at_least: int) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        return True

    def give_up(self) -> None:
        return None


@dataclass(frozen=True)
class By:
    """How a command comes: its id, and the message and the lease that it comes under."""

    command_id: str
    origin: Origin
    lease: Lease = field(default_factory=OwnLease)


def by(
    command_id: str,
    epoch: int = 0,
    redelivered: bool = False,
    expires: datetime | None = None,
    traceparent: str | None = None,
    lease: type[OwnLease] = OwnLease,
) -> By:
    """A command's way here; the lease is this process's own, if no other kind is given."""
    return By(command_id, Origin(redelivered, expires, traceparent), lease(epoch))


def command_of(write: Write, how: By, is_item: bool = True) -> Command:
    """The command of a parsed write, an item of a batch or a message of its own."""
    key = own_key(write.domain_id, write.plugin_id)
    task = next(task for task, model in WRITES.items() if model is type(write))
    params = write.model_dump(mode="json", exclude_none=True)
    return Command(how.command_id, write, key, task, params, how.origin, is_item)


def decide(services: Services, commands: Sequence[Command], lease: Lease) -> Applied:
    """Applies commands, and does not publish."""
    return services.writer.apply(commands, lease)


def apply(services: Services, write: Write, how: By) -> PluginInfo:
    """Applies and publishes one command; returns the plugin, or raises the refusal."""
    applied = services.writer.apply([command_of(write, how)], how.lease)
    services.publisher.publish_many(applied.subjects)
    (outcome,) = applied.outcomes
    if isinstance(outcome, ContractError):
        raise outcome
    return outcome.plugin


def apply_items(services: Services, items: Sequence[BatchItem], how: By) -> list[Any]:
    """Applies and publishes the items of a batch; returns a plugin or an error for each."""
    outcomes: list[Outcome | None] = []
    commands: list[Command] = []
    for item in items:
        try:
            write = parse(WRITES[item.operation], item.params)
            key = own_key(write.domain_id, write.plugin_id)
        except ContractError as refusal:
            outcomes.append(refusal)
            continue
        outcomes.append(None)
        commands.append(Command(item.id, write, key, item.operation, item.params, how.origin, is_item=True))
    applied = services.writer.apply(commands, how.lease)
    services.publisher.publish_many(applied.subjects)
    decided = iter(applied.outcomes)
    every = [outcome or next(decided) for outcome in outcomes]
    return [outcome.plugin if isinstance(outcome, Done) else outcome for outcome in every]
