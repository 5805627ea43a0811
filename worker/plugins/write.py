"""One write: read, decide, write once under guard, publish."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from contracts.commands import Write
from contracts.errors import (
    DeadlineExceeded,
    PluginNotFound,
    Refused,
    RepositoryNotLocal,
    Unavailable,
)
from contracts.events import PLUGIN_CHANGED
from contracts.plugin import PluginInfo
from contracts.values import to_milliseconds
from worker.domain.attempt import Attempt
from worker.domain.plugin import Decision, Unchanged, decide
from worker.domain.policy import Policy
from worker.domain.record import Record, own_key
from worker.events.publish import Publisher
from worker.store.plugins import GuardedWrite, Plugins

T = TypeVar("T")


def utc_now() -> datetime:
    """Return the time in UTC, to the millisecond that the store keeps."""
    return to_milliseconds(datetime.now(UTC))


class OutboxFull(Unavailable):
    """Raised when a plugin has more unpublished events than its document may hold; the command waits."""

    code = "STORE_UNAVAILABLE"


class Writer:
    """Applies writes to plugins.

    Raises: ``Refused``, which is final; ``StoreUnavailable``, ``EventsUnavailable`` or ``OutboxFull``: call
    again with the same attempt, every step may be repeated; ``Fenced``: another process owns the partition,
    so neither acknowledge nor answer.
    """

    def __init__(
        self,
        plugins: Plugins,
        publisher: Publisher,
        policy: Policy,
        clock: Callable[[], datetime] = utc_now,
        has_managed: bool = False,
    ) -> None:
        self.plugins = plugins
        self.publisher = publisher
        self._policy = policy
        self.clock = clock
        self._has_managed = has_managed

    def apply(self, command: Write, attempt: Attempt) -> PluginInfo:
        """Apply one command, at most once, and return the plugin as it is afterwards.

        Raises: ``Refused``, ``StoreUnavailable``, ``EventsUnavailable``, ``OutboxFull`` or ``Fenced``, as the
        class says.
        """
        key = own_key(command.domain_id, command.plugin_id)
        while True:
            record = self.plugins.read(key)
            if record.fence > attempt.epoch:
                attempt = attempt.refenced(record.fence)
            if attempt.command_id in record.applied and record.shown:
                self.announce(record)
                return record.shown
            try:
                decision = self.decide(record, command, attempt)
            except Refused as refusal:
                if self.owns(record, attempt):
                    raise self.with_not_local([refusal])[0] from None
                continue
            if isinstance(decision, Unchanged):
                if self.owns(record, attempt):
                    return decision.plugin
                continue
            now = self.clock()
            before = self.trimmed(record)
            after = before.apply(decision, attempt.command_id, now, attempt.traceparent)
            if self.plugins.write(GuardedWrite(before, after, attempt.epoch), now):
                self.announce(after)
                return decision.plugin

    def decide(self, record: Record, command: Write, attempt: Attempt) -> Decision:
        """Return the pure decision, after a check of the deadline.

        Raises: ``Refused``.
        """
        now = self.clock()
        if attempt.expires and now >= attempt.expires:
            raise DeadlineExceeded("the command's deadline has passed; it was not applied")
        return decide(record.plugin, record.revision, command, now, self._policy)

    def trimmed(self, record: Record) -> Record:
        """Return the record without the events that are known to be on the stream; if the outbox is full,
        publish first.

        Raises: ``OutboxFull`` or ``EventsUnavailable``.
        """
        record = record.published(self._last_known(record))
        if record.has_room(1):
            return record
        published = self.publisher.publish(record.subject(self.clock()))
        # Ahead of the store, the stream takes nothing until an operator reconciles; until then the
        # events wait here. A command whose event does not fit waits too: no event is dropped.
        if published.outcome == "ahead":
            raise OutboxFull(f"the outbox of {record.key} is full and the stream is ahead of the store")
        return record.published(published.last)

    def announce(self, record: Record) -> None:
        """Publish the pending events of a record; if there are none, do nothing.

        Raises: ``EventsUnavailable``.
        """
        if record.outbox and record.outbox[-1].revision > self._last_known(record):
            self.publisher.publish(record.subject(self.clock()))

    def _last_known(self, record: Record) -> int:
        return self.publisher.last_known(PLUGIN_CHANGED, record.key, record.revision, record.outbox)

    def with_not_local(self, outcomes: Sequence[T]) -> list[T | RepositoryNotLocal]:
        """Return the outcomes with ``REPOSITORY_NOT_LOCAL`` in place of ``NOT_FOUND`` for plugins of a
        managed repository.

        It needs at most one query for all of them, and none without managed repositories.
        """
        missing = {o.details["plugin_id"] for o in outcomes if isinstance(o, PluginNotFound)}
        managed = self.plugins.managed_among(missing) if missing and self._has_managed else set()
        return [
            _not_local(o.details["plugin_id"])
            if isinstance(o, PluginNotFound) and o.details["plugin_id"] in managed
            else o
            for o in outcomes
        ]

    def owns(self, record: Record, attempt: Attempt) -> bool:
        """Return whether a decision to write nothing is final. If not, it has been made safe, and must be
        made again.

        An earlier owner of a redelivered command may be about to write it. So the fence is raised before
        anyone learns that the command had no effect.
        """
        if not attempt.redelivered or record.fence >= attempt.epoch:
            return True
        self.plugins.raise_fence(record.key, attempt.epoch)
        return False


def _not_local(plugin_id: str) -> RepositoryNotLocal:
    return RepositoryNotLocal(
        f'plugin "{plugin_id}" is of a managed repository and cannot be changed here',
        details={"plugin_id": plugin_id},
    )
