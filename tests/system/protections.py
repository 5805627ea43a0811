"""Protections of the write path, each to be taken out of a running worker, to see what it protects from."""

import dataclasses
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Any

import redis
from celery.worker.consumer import Control

import worker.events.script
import worker.store.documents
import worker.store.plugins
import worker.tasks.entry
import worker.tasks.groups
import worker.tasks.single
import worker.tasks.supervise
import worker.transport.full
from tests.support.seams import Protection, Replace, script
from tests.system import points
from worker.domain.command import Command
from worker.domain.record import Record
from worker.events.limits import StreamLimits
from worker.events.publish import Publisher
from worker.events.sweep import Sweep
from worker.lua import Script
from worker.plugins.plan import Prepared
from worker.plugins.recent import RecentRecords
from worker.plugins.write import Writer
from worker.process.consumer import ServiceConsumer
from worker.store.plugins import GuardedWrite, Plugins
from worker.tasks.answer_store import AnswerStore
from worker.tasks.groups import GroupRun
from worker.transport import scripts
from worker.transport.delivery import Delivery
from worker.transport.group import Group
from worker.transport.inbox import Inbox
from worker.transport.leases import Leases
from worker.transport.state import QueueState
from worker.transport.unacked import Settlement, settle_calls


def _read_as(change: Callable[[Record], Record], replace: Replace) -> None:
    """Every record is changed once it has been read, or recalled."""
    shipped, recalled = vars(worker.store.plugins)["record_of"], RecentRecords.recall

    def record_of(*arguments: Any) -> Record:
        return change(shipped(*arguments))

    def recall(self: RecentRecords, key: str, epoch: int) -> Record | None:
        record = recalled(self, key, epoch)
        return change(record) if record else None

    replace(worker.store.plugins, "record_of", record_of)
    replace(RecentRecords, "recall", recall)


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
    replace(Writer, "_raise_fences", lambda self, plans, epoch: set())


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
    text = worker.events.script.SCRIPT.text
    for look in (
        "last > tonumber(present)",
        "revision == last and digest and event ~= digest and digest ~= '*' and not gap",
        "revision ~= last + 1 and not gap",
        "if moved",
    ):
        assert text.count(look) == 1
        text = text.replace(look, "if false" if look.startswith("if ") else "false")
    assert text.count("revision > last") == 1
    replace(worker.events.script, "SCRIPT", Script.of("", text.replace("revision > last", "true")))


def _sweep(replace: Replace) -> None:
    """Nobody publishes what a crash left."""
    replace(Sweep, "_settle", lambda *arguments: None)


def _publishing(replace: Replace) -> None:
    """No protection, but what a sweep needs to have work: nothing that is written gets published."""
    replace(Publisher, "queue", lambda self, pipe, subjects: 0)
    replace(Publisher, "collect", lambda self, subjects, replies: [])
    _sweep(replace)


def _no_effect(replace: Replace) -> None:
    """What had no effect, and was delivered again, is decided again."""
    _read_as(lambda record: dataclasses.replace(record, no_effect=()), replace)


def _few_effects(replace: Replace) -> None:
    """A plugin may have any number of effects between two settlements."""
    replace(worker.tasks.entry, "MOST_EFFECTS", 10**6)


def _late_ack(replace: Replace) -> None:
    """Commands are acknowledged before they are handed to the pool."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState, most: int) -> Group | None:
        group = shipped(self, state, most)
        if group is not None:
            acks = [Settlement(delivery, "ack") for delivery in group.deliveries]
            scripts.run_all(self.client, [call for _, call in settle_calls(self.owner, acks)])
        return group

    replace(Inbox, "exchange", exchange)


def _atomic_pop(replace: Replace) -> None:
    """A message is taken off its list, and recorded as unacked by a later command."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState, most: int) -> Group | None:
        raw = self.client.rpop(state.keys.queue) if state.epoch else None
        if isinstance(raw, bytes):
            points.reach("between_pop_and_record")
            self.client.rpush(state.keys.queue, raw)
        return shipped(self, state, most)

    replace(Inbox, "exchange", exchange)


def _epoch_of_a_settlement(replace: Replace) -> None:
    """Whoever settles, settles what is in work in his queue."""
    script("ACK", "runs_out_at_once")(replace)
    script("ACK", "settle_by_anyone")(replace)


def _parking(replace: Replace) -> None:
    """What cannot be read is forgotten."""
    replace(Delivery, "park", lambda self, *reason: self.ack())


def _waiting(replace: Replace) -> None:
    """An outage is taken for a bug."""

    class Never(Exception):
        pass

    replace(worker.tasks.supervise, "Unavailable", Never)


def _giving_back(replace: Replace) -> None:
    """What is not this process's to finish, as it ends or has lost its lease, is acknowledged."""

    def give_back(self: Group) -> None:
        for delivery in self.unsettled:
            delivery.ack()

    replace(Group, "give_back", give_back)


def _alone(replace: Replace) -> None:
    """A death counts against each message of a group, and they come together again."""
    script("POP", "every_death_counts")(replace)
    script("POP", "never_alone")(replace)


def _settle_what_passed(replace: Replace) -> None:
    """A plugin is changed while an earlier command without effect for it is not settled.

    No turn of the event loop settles it meanwhile, as one does on a busy machine.
    """
    replace(GroupRun, "_settle_what_passed", lambda self, part: None)
    replace(Inbox, "flush", lambda self: None)


def _generation(replace: Replace) -> None:
    """What was decided ahead is written, whatever came of what it was decided over."""
    replace(Writer, "is_current", lambda self, prepared: True)


def _needs_memory(replace: Replace) -> None:
    """Scripts begin with whatever they write first, which a full Redis refuses."""
    for name in ("POP", "NOTE_WAIT", "RENEW", "RAISE", "RELEASE"):
        script(name, "begin_with_what_needs_memory")(replace)


def _going_on_when_full(replace: Replace) -> None:
    """What kombu writes for itself is needed."""
    replace(worker.transport.full, "_unless_full", lambda what: nullcontext())


def _bytes_of_events(replace: Replace) -> None:
    """The stream may be of any size."""
    replace(StreamLimits, "max_bytes", lambda self: 10**12)


def _deadly(replace: Replace) -> None:
    """No protection, but a fault: a plugin named `deadly` kills the worker that is about to register it."""
    shipped = Writer.prepare

    def prepare(self: Writer, commands: Sequence[Command], epoch: int, again: bool = False) -> Prepared:
        if any(getattr(command.write, "name", "") == "deadly" for command in commands):
            os.kill(os.getpid(), signal.SIGKILL)
        return shipped(self, commands, epoch, again)

    replace(Writer, "prepare", prepare)


def _replies(replace: Replace) -> None:
    """Replies of the pipeline of events and answers are not looked at."""
    replace(Publisher, "collect", lambda self, subjects, replies: [])
    replace(AnswerStore, "collect", lambda self, chunks, replies: None)


def _reply_of_raise(replace: Replace) -> None:
    """No protection, but a fault: Redis raises the epoch of a lease, and the first time nobody learns of it."""
    shipped, lost = Leases.raise_epoch, list[int]()

    def raise_epoch(self: Leases, queue: str, epoch: int, to: int) -> int:
        state = self._states[queue]
        before = state.epoch
        raised = shipped(self, queue, epoch, to)
        if not lost:
            lost.append(raised)
            state.epoch = before
            raise redis.ConnectionError("the reply was lost")
        return raised

    replace(Leases, "raise_epoch", raise_epoch)


def _miss(replace: Replace, *, of: str = "") -> None:
    """No protection, but a fault: the first write of several misses its guard, as if the plugin had changed.

    ``of``: only a write that applies the command of this id.
    """
    shipped = Plugins.write_many

    def write_many(self: Plugins, writes: Sequence[GuardedWrite], now: datetime) -> bool:
        first, *others = writes
        if others and (not of or (of in first.after.applied and of not in first.before.applied)):
            changed = dataclasses.replace(first.before, revision=first.before.revision + 1_000_000)
            first = dataclasses.replace(first, before=changed)
        return shipped(self, [first, *others], now)

    replace(Plugins, "write_many", write_many)


def _remote_control(replace: Replace) -> None:
    """Celery's own remote control is there, with all that it can do."""
    steps = (*ServiceConsumer.Blueprint.default_steps, "celery.worker.consumer.control:Control")
    replace(ServiceConsumer.Blueprint, "default_steps", steps)
    replace(Control, "include_if", lambda self, consumer: True)


def _queue_of_task(replace: Replace) -> None:
    """Every task is carried out, whatever queue its message came by."""
    for place in (worker.tasks.groups, worker.tasks.single):
        replace(place, "check_queue", lambda task, queue: None)


PROTECTIONS: dict[str, Protection] = {
    "fence": _fence,
    "fence_of_refusals": _fence_of_refusals,
    "applied": _applied,
    "revision": _revision,
    "outbox": _outbox,
    "publishing_script": _publishing_script,
    "sweep": _sweep,
    "publishing": _publishing,
    "no_effect": _no_effect,
    "few_effects": _few_effects,
    "alone": _alone,
    "settle_what_passed": _settle_what_passed,
    "generation": _generation,
    "replies": _replies,
    "late_ack": _late_ack,
    "atomic_pop": _atomic_pop,
    "epoch_of_a_settlement": _epoch_of_a_settlement,
    "parking": _parking,
    "place_of_the_returned": script("POP", "restore_to_the_tail"),
    "waiting": _waiting,
    "giving_back": _giving_back,
    "needs_memory": _needs_memory,
    "going_on_when_full": _going_on_when_full,
    "bytes_of_events": _bytes_of_events,
    "reply_of_raise": _reply_of_raise,
    "miss": _miss,
    "miss_of_1-p0": partial(_miss, of="1-p0"),
    "deadly": _deadly,
    "remote_control": _remote_control,
    "queue_of_task": _queue_of_task,
}
"""By name, for `TEST_WITHOUT` of a worker of `tests.system.points_app`."""
