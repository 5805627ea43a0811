"""A batch of writes: each plugin is read once, written once and published once, whatever the number
of items.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from contracts.catalog import WRITES
from contracts.commands import MAX_BATCH_PER_PLUGIN, BatchItem, PluginBatch, Write
from contracts.errors import ContractError, DecidedBefore, InternalFault, InvalidParameter
from contracts.parse import parse
from contracts.partition import address, partition
from contracts.plugin import PluginInfo
from contracts.values import is_command_id
from worker.domain.attempt import Attempt
from worker.domain.plugin import Unchanged
from worker.domain.record import Record, own_key
from worker.plugins.write import Writer
from worker.store.plugins import GuardedWrite

ItemOutcome = PluginInfo | ContractError
KeepItem = Callable[[BatchItem, Exception], InternalFault]
"""Stores an item that met a bug as a dead letter of its own, and returns the error to answer."""

_PLUGINS_A_ROUND = 100


def check_frame(batch: PluginBatch, partitions: int) -> None:
    """Refuse a whole batch whose frame is wrong.

    Raises: ``InvalidParameter`` with ``details.path``.
    """
    seen: set[str] = set()
    for index, item in enumerate(batch.commands):
        path = f"commands[{index}]"
        if not is_command_id(item.id):
            raise _bad(f"{path}.id", "must be 1 to 128 printable ASCII characters")
        if item.id in seen:
            raise _bad(f"{path}.id", "is used twice in the batch")
        if item.operation not in WRITES:
            raise _bad(f"{path}.operation", f"must be one of {', '.join(sorted(WRITES))}")
        seen.add(item.id)
    addresses = [address(item.operation, item.params) for item in batch.commands]
    plugin, most = Counter(addresses).most_common(1)[0]
    if most > MAX_BATCH_PER_PLUGIN and all(plugin):
        raise _bad("commands", f"has {most} commands for {plugin[1]}; {MAX_BATCH_PER_PLUGIN} are allowed")
    if len({partition(*where, partitions) for where in addresses}) > 1:
        raise _bad("commands", "belongs to several partitions; send a batch for each")


def _bad(path: str, expected: str) -> InvalidParameter:
    return InvalidParameter(f"{path} {expected}", details={"path": path})


@dataclass(slots=True)
class _Queue:
    """The items of one plugin that are not settled yet, in order."""

    key: str
    open: list[tuple[int, BatchItem, Write]] = field(default_factory=list)
    begun: bool = False


@dataclass(slots=True)
class _Plan:
    """The decisions of one round for a plugin. They count when the write has succeeded, or at once if there
    is none.
    """

    before: Record
    after: Record
    decided: list[tuple[int, ItemOutcome]] = field(default_factory=list)


class BatchWriter:
    """Applies batches.

    Raises: what ``Writer`` raises, but an item that is refused has its error as its outcome.
    """

    def __init__(self, writer: Writer, keep_item: KeepItem) -> None:
        self._writer = writer
        self._keep_item = keep_item

    def apply(self, items: Sequence[BatchItem], attempt: Attempt) -> list[ItemOutcome]:
        """Return the outcome of each item, in order: the plugin after it, or the error of this item."""
        outcomes: dict[int, ItemOutcome] = {}
        queues: dict[str, _Queue] = {}
        for index, item in enumerate(items):
            try:
                command: Write = parse(WRITES[item.operation], item.params)
                key = own_key(command.domain_id, command.plugin_id)
            except ContractError as refusal:
                outcomes[index] = refusal
                continue
            queues.setdefault(key, _Queue(key)).open.append((index, item, command))
        while queues:
            attempt = self._round(list(islice(queues.values(), _PLUGINS_A_ROUND)), attempt, outcomes)
            queues = {key: queue for key, queue in queues.items() if queue.open}
        return [outcomes[index] for index in range(len(items))]

    def _round(self, queues: list[_Queue], attempt: Attempt, outcomes: dict[int, ItemOutcome]) -> Attempt:
        records = self._writer.plugins.read_many([queue.key for queue in queues])
        fence = max(record.fence for record in records.values())
        if fence > attempt.epoch:
            attempt = attempt.refenced(fence)
        plans = [(queue, self._plan(queue, records[queue.key], attempt)) for queue in queues]
        self._with_not_local([plan for _, plan in plans])
        writes = [
            GuardedWrite(p.before, p.after, attempt.epoch)
            for _, p in plans
            if p.after.revision != p.before.revision
        ]
        missed = self._write(writes)
        subjects = [s.after.subject(self._writer.clock()) for s in writes if s.after.key not in missed]
        self._writer.publisher.publish_many(subjects)
        for queue, plan in plans:
            wrote = plan.after.revision != plan.before.revision
            if queue.key in missed or (not wrote and not self._writer.owns(plan.before, attempt)):
                continue
            outcomes.update(plan.decided)
            settled = {index for index, _ in plan.decided}
            queue.open = [entry for entry in queue.open if entry[0] not in settled]
            queue.begun = True
        return attempt

    def _with_not_local(self, plans: list[_Plan]) -> None:
        outcomes = iter(
            self._writer.with_not_local([outcome for plan in plans for _, outcome in plan.decided])
        )
        for plan in plans:
            plan.decided = [(index, next(outcomes)) for index, _ in plan.decided]

    def _write(self, writes: list[GuardedWrite]) -> set[str]:
        """Make the writes and return the keys of those that missed."""
        if not writes or self._writer.plugins.write_many(writes, self._writer.clock()):
            return set()
        # A bulk write returns how many writes missed, not which: the records show which took effect. The
        # command id alone does not show it: an earlier attempt, whose outcome never arrived, may have stored
        # it, and then the events to publish are those of that attempt.
        records = self._writer.plugins.read_many([write.after.key for write in writes])
        return {s.after.key for s in writes if s.after.outbox[-1] not in records[s.after.key].outbox}

    def _plan(self, queue: _Queue, record: Record, attempt: Attempt) -> _Plan:
        """Decide the items of one plugin, as many as its outbox has room for."""
        before = self._writer.trimmed(record)
        plan = _Plan(before, before)
        first = self._decided_before(queue, record, attempt, plan)
        for index, item, command in queue.open[first:]:
            if plan.decided and not plan.after.has_room(
                1, plan.after.outbox[-1].size if plan.after.outbox else 0
            ):
                break
            plan.decided.append((index, self._decide(plan, item, command, attempt)))
        return plan

    def _decided_before(self, queue: _Queue, record: Record, attempt: Attempt, plan: _Plan) -> int:
        """Settle the items that an earlier delivery of the batch has decided: all up to its last effect."""
        if not attempt.redelivered or queue.begun:
            return 0
        applied = [n for n, (_, item, _) in enumerate(queue.open) if item.id in record.applied]
        count = applied[-1] + 1 if applied else 0
        for index, item, command in queue.open[:count]:
            if item.id in record.applied and record.shown:
                plan.decided.append((index, record.shown))
            else:
                refusal = DecidedBefore(
                    f"the command was decided before, without an effect on {command.plugin_id}"
                )
                plan.decided.append((index, refusal))
        if count:
            self._writer.announce(record)
        return count

    def _decide(self, plan: _Plan, item: BatchItem, command: Write, attempt: Attempt) -> ItemOutcome:
        if item.id in plan.after.applied and plan.after.shown:
            return plan.after.shown
        try:
            decision = self._writer.decide(plan.after, command, attempt)
        except ContractError as refusal:
            return refusal
        except Exception as error:  # noqa: BLE001  # a bug in one item must not take the others with it: it alone is a dead letter
            return self._keep_item(item, error)
        if isinstance(decision, Unchanged):
            return decision.plugin
        plan.after = plan.after.apply(decision, item.id, self._writer.clock(), attempt.traceparent)
        return decision.plugin
