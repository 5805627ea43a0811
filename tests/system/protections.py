"""Protections of the write path, each to be taken out of a running worker, to see what it protects from."""

import dataclasses
from collections.abc import Callable
from typing import Any

import redis
from celery.exceptions import Ignore
from worker.plugins.batch import BatchWriter

import worker.events.script
import worker.store.documents
import worker.store.plugins
import worker.tasks.commands
import worker.tasks.supervise
from tests.support.seams import Protection, Replace, script
from tests.system import points
from worker.domain.record import Record
from worker.events.publish import Publisher
from worker.events.sweep import Sweep
from worker.plugins.write import Writer
from worker.transport.delivery import Delivery
from worker.transport.inbox import Inbox
from worker.transport.state import QueueState


def _read_as(change: Callable[[Record], Record], replace: Replace) -> None:
    """Every record is changed once it has been read."""
    shipped = vars(worker.store.plugins)["record_of"]

    def record_of(*arguments: Any) -> Record:
        return change(shipped(*arguments))

    replace(worker.store.plugins, "record_of", record_of)


def _write_without(condition: str, replace: Replace) -> None:
    """No write asks for this field to be as expected."""
    shipped = vars(worker.store.plugins)["guarded_update"]

    def guarded_update(*arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        query, update = shipped(*arguments)
        del query[condition]
        return query, update

    replace(worker.store.plugins, "guarded_update", guarded_update)


def _fence(replace: Replace) -> None:
    """Writes of a former owner are not refused: neither by the filter of the write nor by the look before it."""
    _read_as(lambda record: dataclasses.replace(record, fence=0), replace)
    _write_without("fence", replace)


def _fence_of_refusals(replace: Replace) -> None:
    """A redelivered command without effect does not keep its first owner from applying it."""
    replace(Writer, "owns", lambda self, record, attempt: True)


def _applied(replace: Replace) -> None:
    """The ids of applied commands are not looked at."""
    _read_as(lambda record: dataclasses.replace(record, applied=()), replace)


def _revision(replace: Replace) -> None:
    """A write does not ask that the plugin is as it was read."""
    _write_without("revision", replace)


def _outbox(replace: Replace) -> None:
    """The event is published after the write, and not kept with it."""
    replace(worker.store.documents, "outbox_document", lambda outbox: [])


def _publishing_script(replace: Replace) -> None:
    """Events are added to the stream without a look at what is there."""

    shipped = worker.events.script.TEXT
    first = "count == '0' and tonumber(present) or tonumber(string.match(ARGV[first], '^%d+')) - 1"
    blind = shipped.replace("= position(field)", f"= {first}")
    assert blind != shipped
    replace(worker.events.script, "TEXT", blind)


def _sweep(replace: Replace) -> None:
    """Nobody publishes what a crash left."""
    replace(Sweep, "_settle", lambda *arguments: None)


def _publishing(replace: Replace) -> None:
    """No protection, but what a sweep needs to have work: nothing that is written gets published."""
    replace(Publisher, "publish_many", lambda self, subjects: [])
    replace(Writer, "announce", lambda self, record: None)
    _sweep(replace)


def _decided_before(replace: Replace) -> None:
    """A redelivered batch decides its items again."""
    replace(BatchWriter, "_decided_before", lambda *arguments: 0)


def _late_ack(replace: Replace) -> None:
    """A command is acknowledged before it is handed to the pool."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState) -> Delivery | None:
        delivery = shipped(self, state)
        if delivery is not None:
            self.settle_now(delivery, "ack")
        return delivery

    replace(Inbox, "exchange", exchange)


def _atomic_pop(replace: Replace) -> None:
    """A message is taken off its list, and recorded as unacked by a later command."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState) -> Delivery | None:
        raw = self.client.rpop(state.keys.queue) if state.epoch else None
        if isinstance(raw, bytes):
            points.reach("between_pop_and_record")
            self.client.rpush(state.keys.queue, raw)
        return shipped(self, state)

    replace(Inbox, "exchange", exchange)


def _epoch_of_a_settlement(replace: Replace) -> None:
    """Whoever settles, settles what is in work in his queue."""
    script("SETTLE", "runs_out_at_once")(replace)
    script("SETTLE", "settle_by_anyone")(replace)


def _parking(replace: Replace) -> None:
    """What cannot be read is forgotten."""
    replace(Delivery, "park_later", lambda self, *reason: self.ack())


def _waiting(replace: Replace) -> None:
    """An outage is taken for a bug."""

    class Never(Exception):
        pass

    replace(worker.tasks.supervise, "Unavailable", Never)


def _giving_back(replace: Replace) -> None:
    """What is not this process's to finish, as it ends or has lost its lease, is acknowledged."""
    replace(worker.tasks.commands, "Reject", lambda *arguments, **options: Ignore())


def _reply_of_raise(replace: Replace) -> None:
    """No protection, but a fault: Redis raises the epoch of a lease, and the first time nobody learns of it."""
    shipped, lost = Inbox.raise_epoch, list[int]()

    def raise_epoch(self: Inbox, delivery: Delivery, to: int) -> int:
        state = self._queues[delivery.queue]
        before = state.epoch
        epoch = shipped(self, delivery, to)
        if not lost:
            lost.append(epoch)
            state.epoch = before
            raise redis.ConnectionError("the reply was lost")
        return epoch

    replace(Inbox, "raise_epoch", raise_epoch)


PROTECTIONS: dict[str, Protection] = {
    "fence": _fence,
    "fence_of_refusals": _fence_of_refusals,
    "applied": _applied,
    "revision": _revision,
    "outbox": _outbox,
    "publishing_script": _publishing_script,
    "sweep": _sweep,
    "publishing": _publishing,
    "decided_before": _decided_before,
    "late_ack": _late_ack,
    "atomic_pop": _atomic_pop,
    "epoch_of_a_settlement": _epoch_of_a_settlement,
    "parking": _parking,
    "place_of_the_returned": script("POP", "restore_to_the_tail"),
    "waiting": _waiting,
    "giving_back": _giving_back,
    "reply_of_raise": _reply_of_raise,
}
"""By name, for `TEST_WITHOUT` of a worker of `tests.system.points_app`."""
