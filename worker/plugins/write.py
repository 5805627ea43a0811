"""The write engine: read once, decide in order, write once under guard."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from contracts.errors import (
    DeadlineExceeded,
    InternalFault,
    PluginNotFound,
    RepositoryNotLocal,
    Unavailable,
)
from contracts.events import PLUGIN_CHANGED
from contracts.values import to_milliseconds
from worker.domain.command import Command, Lease
from worker.domain.events import Subject
from worker.domain.plugin import Changed, Decision, decide
from worker.domain.policy import Policy
from worker.domain.record import Record
from worker.events.publish import Publisher
from worker.plugins.fences import raise_epoch
from worker.plugins.group_size import GroupTooLarge, are_too_large
from worker.plugins.plan import Applied, Outcome, Plan, Prepared, keys_of, plans_of
from worker.plugins.recent import RecentRecords
from worker.store.plugins import GuardedWrite, Plugins

Keep = Callable[[Command, Exception], InternalFault]
"""Stores a command that met a bug as a dead letter, and returns how it is answered."""


def utc_now() -> datetime:
    """Return the time in UTC, to the millisecond that the store keeps."""
    return to_milliseconds(datetime.now(UTC))


class OutboxFull(Unavailable):
    """Raised when a plugin has more unpublished events than its document may hold; the command waits."""

    code = "STORE_UNAVAILABLE"


class Writer:
    """Applies groups of writes: one command, many, or what a dead letter held.

    ``publisher``: publishes when an outbox is full. ``policy``: what a decision is checked against.
    ``keep``: keeps a command that met a bug. ``clock``: the time in UTC, default ``utc_now``.
    ``has_managed``: whether there are managed repositories, default False.
    """

    def __init__(
        self,
        plugins: Plugins,
        publisher: Publisher,
        policy: Policy,
        keep: Keep,
        clock: Callable[[], datetime] = utc_now,
        has_managed: bool = False,
    ) -> None:
        self.keep = keep
        self.clock = clock
        self._plugins = plugins
        self._publisher = publisher
        self._policy = policy
        self._has_managed = has_managed
        self._recent = RecentRecords()

    def apply(self, commands: Sequence[Command], lease: Lease, again: bool = False) -> Applied:
        """Apply commands in order, each at most once, and return their outcomes.

        Every plugin is read once, unless this owner wrote it last, and written once. Its events are in its
        outbox, and not on the stream yet. ``again``: whether an earlier try may have begun to apply them.

        Raises: ``StoreUnavailable``, ``EventsUnavailable`` or ``OutboxFull``: call again, with ``again``;
        ``Fenced``: another process owns the partition, so neither acknowledge nor answer; without ``again``
        ``GroupTooLarge``: apply fewer at once.
        """
        return self.carry_out(self.prepare(commands, lease.epoch, again), lease)

    def prepare(self, commands: Sequence[Command], epoch: int, again: bool = False) -> Prepared:
        """Decide commands over remembered records.

        Nothing is read or written; a plugin without such a record is left open. Another thread may prepare
        commands while those before them are carried out.

        ``epoch``: that of the lease that the commands will be carried out under. ``again``: as for ``apply``.
        """
        generation = self._recent.generation
        plans = plans_of(commands)
        for plan in plans:
            record = self._recent.recall(plan.key, epoch)
            trimmed = record and record.published(self._last_known(record))
            if trimmed and trimmed.has_room(1):
                plan.record = trimmed
                plan.decide(trimmed, self, again)
                if plan.writes:
                    self._recent.remember(plan.after, epoch, generation)
        return Prepared(plans, len(commands), again, generation)

    def is_current(self, prepared: Prepared) -> bool:
        """Return whether nothing that ``prepared`` was decided over has turned out to be wrong."""
        return prepared.generation == self._recent.generation

    def forget(self) -> None:
        """Forget what was prepared and is not going to be carried out."""
        self._recent.clear()

    def carry_out(self, prepared: Prepared, lease: Lease) -> Applied:
        """Write what was prepared, and decide the rest. Raises what ``apply`` raises."""
        try:
            return self._carry_out(prepared, lease)
        except BaseException:
            # What is remembered may not have been written.
            self._recent.clear()
            raise

    def _carry_out(self, prepared: Prepared, lease: Lease) -> Applied:
        outcomes: dict[int, Outcome] = {}
        plans, again = prepared.plans, prepared.again
        while left := [plan for plan in plans if plan.open]:
            self._decide(left, lease, again)
            if not again and not outcomes and are_too_large(plan.size for plan in left):
                raise GroupTooLarge
            unsafe = self._raise_fences(left, lease.epoch)
            missed = self._write([plan for plan in left if plan.writes], lease.epoch)
            for plan in left:
                if plan.key not in missed and plan.key not in unsafe:
                    outcomes.update(plan.commit())
        found = self._with_not_local([outcomes[index] for index in range(prepared.count)])
        subjects = [s for plan in plans if (s := self._unpublished(plan.record))]
        return Applied(found, subjects, frozenset(plan.key for plan in plans if plan.passed))

    def _decide(self, plans: Sequence[Plan], lease: Lease, again: bool) -> None:
        """Decide every plan over the remembered record. If that gives no write, read the record and decide
        again.
        """
        prepared = {plan.key for plan in plans if plan.decided and plan.writes}
        for plan in plans:
            if plan.record and not plan.decided:
                plan.decide(self._trimmed(plan.record), self, again)
        unread = [plan for plan in plans if not plan.record or not (plan.fresh or plan.writes)]
        records = self._read(keys_of(unread), again) if unread else {}
        for plan in unread:
            plan.read(records[plan.key])
        raise_epoch([plan.record for plan in plans if plan.record], lease)
        for plan in unread:
            plan.decide(self._trimmed(records[plan.key]), self, again)
            if not again and are_too_large([plan.size]):
                raise GroupTooLarge  # before the others are decided, which would take as much
        for plan in plans:
            # What was prepared is remembered, or something newer is by now.
            if plan.writes and plan.key not in prepared:
                self._recent.remember(plan.after, lease.epoch, self._recent.generation)

    def _read(self, keys: Sequence[str], again: bool) -> dict[str, Record]:
        records = self._plugins.read_all(keys) if again else self._plugins.read_many(keys)
        if len(records) < len(keys):
            raise GroupTooLarge
        return records

    def _raise_fences(self, plans: Sequence[Plan], epoch: int) -> set[str]:
        """Make redelivered commands that change nothing safe; return the keys of plans to decide again.

        Their earlier owner may be about to apply them. So the fence is raised before anyone learns that they
        had no effect.
        """
        unsafe = [p for p in plans if p.redelivered and not p.writes and p.before.fence != epoch]
        if unsafe:
            self._plugins.raise_fences({plan.key: plan.before.fence for plan in unsafe}, epoch)
            for plan in unsafe:
                plan.record = None
        return set(keys_of(unsafe))

    def _write(self, plans: Sequence[Plan], epoch: int) -> set[str]:
        """Make the writes, in one command; return the keys of those that missed their guard."""
        if not plans:
            return set()
        writes = [GuardedWrite(plan.before, plan.after, epoch) for plan in plans]
        missed: set[str] = set()
        if not self._plugins.write_many(writes, self.clock()):
            # The reply says how many writes missed, not which: the records show which took effect. The
            # command id alone does not show it: an earlier try, whose outcome never arrived, may have stored
            # it, and then the events to publish are those of that try.
            records = self._plugins.read_all(keys_of(plans))
            for plan in plans:
                if plan.after.outbox[-1] not in records[plan.key].outbox:
                    missed.add(plan.key)
                    plan.missed = True
                    plan.read(records[plan.key])
            self._recent.clear()
        return missed

    def decide(self, record: Record, command: Command, now: datetime) -> Decision:
        """Return the pure decision, after a check of the deadline. Raises ``Refused``."""
        if command.origin.expires and now >= command.origin.expires:
            raise DeadlineExceeded("the command's deadline has passed; it was not applied")
        return decide(record.plugin, record.revision, command.write, now, self._policy)

    def apply_change(self, record: Record, change: Changed, command: Command, now: datetime) -> Record:
        """Return the record after a change."""
        return record.apply(change, command.id, now, command.origin.traceparent, command.digest)

    def _trimmed(self, record: Record) -> Record:
        """Return the record without the events that are known to be on the stream; if the outbox is full,
        publish first.
        """
        record = record.published(self._last_known(record))
        if record.has_room(1):
            return record
        published = self._publisher.publish(record.subject(self.clock()))
        # Ahead of the store, the stream takes nothing until an operator reconciles; until then the
        # events wait here. A command whose event does not fit waits too: no event is dropped.
        if published.outcome == "ahead":
            raise OutboxFull(f"the outbox of {record.key} is full and the stream is ahead of the store")
        return record.published(published.last)

    def _unpublished(self, record: Record | None) -> Subject | None:
        """Return the subject of a record with events that may not be on the stream."""
        if record and record.outbox and record.outbox[-1].revision > self._last_known(record):
            return record.subject(self.clock())
        return None

    def _last_known(self, record: Record) -> int:
        return self._publisher.last_known(PLUGIN_CHANGED, record.key, record.revision, record.outbox)

    def _with_not_local(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Return the outcomes with ``REPOSITORY_NOT_LOCAL`` in place of ``NOT_FOUND`` for plugins of a
        managed repository, with at most one query.
        """
        missing = {o.details["plugin_id"] for o in outcomes if isinstance(o, PluginNotFound)}
        managed = self._plugins.managed_among(missing) if missing and self._has_managed else set()
        if not managed:
            return outcomes
        return [
            _not_local(o.details["plugin_id"])
            if isinstance(o, PluginNotFound) and o.details["plugin_id"] in managed
            else o
            for o in outcomes
        ]


def _not_local(plugin_id: str) -> RepositoryNotLocal:
    return RepositoryNotLocal(
        f'plugin "{plugin_id}" is of a managed repository and cannot be changed here',
        details={"plugin_id": plugin_id},
    )
