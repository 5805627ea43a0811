"""One message of a group, decoded: the commands in it, and what its caller is to be answered."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contracts.catalog import BY_TASK, WRITES
from contracts.commands import BatchItem, PluginBatch, Write
from contracts.errors import (
    ContractError,
    InvalidParameter,
    Refused,
    RequiredParameter,
)
from contracts.headers import TRACEPARENT, is_traceparent
from contracts.parse import parse
from contracts.partition import COMMANDS
from worker.domain.command import Command, Origin
from worker.domain.events import Subject
from worker.domain.record import own_key
from worker.events.rejections import Refusal
from worker.plugins.frame import check_frame
from worker.plugins.plan import Applied, Done, Outcome
from worker.tasks.belong import QUEUE_OF_TASK
from worker.tasks.envelope import answer_id_of, check_message, deadline
from worker.tasks.rows import rows_of
from worker.transport.request import Request

MOST_EFFECTS = 50
"""How many commands of one plugin are decided between two settlements.

At least ``MAX_BATCH_PER_PLUGIN``, because a message is not cut. Below ``MAX_APPLIED``, because whatever may
be delivered again must be among the ids of applied commands that a plugin remembers.
"""

MOST_COMMANDS = 500
"""How many commands are written together."""


@dataclass(slots=True)
class Entry:
    """A message of a group.

    ``commands``: what is left to be decided of it, each with its place among ``outcomes``.
    ``items``: those of a batch; None for a command of its own.
    ``error``: what the whole message is answered with, in place of outcomes.
    """

    request: Request
    commands: list[tuple[int, Command]] = field(default_factory=list)
    outcomes: list[Outcome | None] = field(default_factory=list)
    items: Sequence[BatchItem] | None = None
    error: ContractError | None = None

    @property
    def id(self) -> str:
        """The command id of the message."""
        return str(self.request.id)

    @property
    def answer_id(self) -> str:
        """The id that the answer is stored under."""
        return answer_id_of(self.request.delivery.headers, self.id)

    @property
    def answered(self) -> bool:
        """Whether a caller waits for the answer."""
        return not self.request.ignore_result

    @property
    def refusals(self) -> Iterator[Refusal]:
        """Id, operation, parameters and error of each write that was refused."""
        if self.error is not None:
            # Not a read that came by a wrong queue: rejections are of writes.
            if isinstance(self.error, Refused) and QUEUE_OF_TASK[self.request.type] == COMMANDS:
                yield self.id, self.request.type, self.request.kwargs, self.error
            return
        for index, outcome in enumerate(self.outcomes):
            if isinstance(outcome, Refused):
                if self.items is None:
                    yield self.id, self.request.type, self.request.kwargs, outcome
                else:
                    item = self.items[index]
                    yield item.id, item.operation, item.params, outcome

    @property
    def failure(self) -> ContractError | None:
        """The error that the message is answered with, or None if it has a result."""
        if self.error is not None or self.items is not None:
            return self.error
        outcome = self.outcomes[0]
        return outcome if isinstance(outcome, ContractError) else None

    @property
    def summary(self) -> str:
        """What became of the message, for the log: names and codes, and nothing else of what was sent."""
        if self.error is not None:
            return _refused(self.error)
        codes = Counter(outcome.code for outcome in self.outcomes if isinstance(outcome, ContractError))
        if self.items is not None:
            refused = "".join(f", {count} {code}" for code, count in sorted(codes.items()))
            return f"applied {len(self.items) - codes.total()} of {len(self.items)}{refused}"
        outcome = self.outcomes[0]
        if isinstance(outcome, ContractError):
            return _refused(outcome)
        key = self.commands[0][1].key
        return f"applied: {key!a} is at revision {outcome.plugin.revision}" if outcome else ""

    @property
    def result(self) -> str:
        """The result that the message is answered with, as JSON."""
        if self.items is None:
            outcome = self.outcomes[0]
            return outcome.text if isinstance(outcome, Done) else "null"
        return rows_of(self.items, self.outcomes)


def decode(request: Request, partitions: int) -> Entry:
    """Return a message of the task of a write, with its commands.

    Raises: the refusal of the whole message.
    """
    delivery = request.delivery
    check_message(delivery.envelope)
    traceparent = delivery.headers.get(TRACEPARENT)
    origin = Origin(
        delivery.redelivered,
        deadline(delivery.headers),
        traceparent if is_traceparent(traceparent) else None,
        delivery.queue,
        delivery.raw,
    )
    entry = Entry(request)
    if BY_TASK[request.type].command is PluginBatch:
        _read_batch(entry, partitions, origin)
    else:
        entry.commands.append((0, _command(request.id, request.type, request.kwargs, origin, False)))
        entry.outcomes.append(None)
    return entry


def _read_batch(entry: Entry, partitions: int, origin: Origin) -> None:
    try:
        batch = parse(PluginBatch, entry.request.kwargs)
    except RequiredParameter as error:
        raise InvalidParameter(error.message, details={"path": error.details["path"]}) from None
    check_frame(batch, partitions)
    entry.items = batch.commands
    for index, item in enumerate(batch.commands):
        try:
            entry.commands.append((index, _command(item.id, item.operation, item.params, origin, True)))
        except ContractError as refusal:
            entry.outcomes.append(refusal)
        else:
            entry.outcomes.append(None)


def _command(
    command_id: str, operation: str, params: dict[str, Any], origin: Origin, is_item: bool
) -> Command:
    write: Write = parse(WRITES[operation], params)
    key = own_key(write.domain_id, write.plugin_id)
    return Command(command_id, write, key, operation, params, origin, is_item)


@dataclass(frozen=True)
class Part:
    """Messages of a group that are decided, told and settled together.

    ``after_settlement``: whether those before it must be settled first.
    """

    entries: list[Entry]
    after_settlement: bool

    @cached_property
    def commands(self) -> list[Command]:
        """The commands of all messages, in order."""
        return [command for entry in self.entries for _, command in entry.commands]

    def take(self, applied: Applied) -> list[Subject]:
        """Give each message the outcomes of its commands; return the subjects with events to publish."""
        places = [(entry, index) for entry in self.entries for index, _ in entry.commands]
        for (entry, index), outcome in zip(places, applied.outcomes, strict=True):
            entry.outcomes[index] = outcome
        return applied.subjects


def parts_of(entries: Sequence[Entry]) -> Iterator[Part]:
    """Yield the messages of a group in parts, in order.

    No plugin gets more than ``MOST_EFFECTS`` commands between two settlements.
    """
    part: list[Entry] = []
    effects: Counter[str] = Counter()
    total, settled = 0, False
    for entry in entries:
        more = Counter(command.key for _, command in entry.commands)
        count = len(entry.commands)
        must_settle = any(effects[key] + added > MOST_EFFECTS for key, added in more.items())
        if part and (must_settle or total + count > MOST_COMMANDS):
            yield Part(part, settled)
            part, total, settled = [], 0, must_settle
            if must_settle:
                effects = Counter()
        part.append(entry)
        effects.update(more)
        total += count
    if part:
        yield Part(part, settled)


def _refused(error: ContractError) -> str:
    path = error.details.get("path")
    return f"refused: {error.code} at {path!a}" if path else f"refused: {error.code}"
