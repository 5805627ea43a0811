"""Each protection of the write path taken out of the running process, to see what it protects from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import redis
from celery.exceptions import Ignore

import worker.store.documents
import worker.store.plugins
import worker.tasks.commands
import worker.tasks.supervise
from contracts.events import STREAM
from tests.system import points
from worker.events.publish import Published, Publisher
from worker.events.sweep import Sweep
from worker.plugins.batch import BatchWriter
from worker.plugins.write import Writer
from worker.transport import scripts
from worker.transport.delivery import Delivery
from worker.transport.inbox import Inbox


def take_out(name: str) -> None:
    """Takes the protection `name` out; KeyError where there is none of that name."""
    PROTECTIONS[name]()


def _records(change: Callable[[Any], Any]) -> None:
    shipped = worker.store.documents.record_of
    worker.store.plugins.record_of = lambda *args: change(shipped(*args))


def _fence() -> None:
    """Writes of a former owner are not refused: neither by the filter of the write nor by the look before it."""
    _records(lambda record: dataclasses.replace(record, fence=0))
    shipped = worker.store.plugins.guarded_update

    def guarded(*args: Any) -> Any:
        query, update = shipped(*args)
        del query["fence"]
        return query, update

    worker.store.plugins.guarded_update = guarded


def _fence_of_refusals() -> None:
    """A redelivered command without effect does not keep its first owner from applying it."""
    Writer.owns = lambda self, record, delivery: True  # type: ignore[method-assign]


def _applied() -> None:
    """The ids of applied commands are not looked at."""
    _records(lambda record: dataclasses.replace(record, applied=()))


def _revision() -> None:
    """A write does not ask that the plugin is as it was read."""
    shipped = worker.store.plugins.guarded_update

    def guarded(*args: Any) -> Any:
        query, update = shipped(*args)
        del query["revision"]
        return query, update

    worker.store.plugins.guarded_update = guarded


def _outbox() -> None:
    """The event is published after the write, and not kept with it."""
    worker.store.documents.outbox_document = lambda outbox: []


def _publishing_script() -> None:
    """Events are added to the stream without a look at what is there."""

    def run(self: Publisher, work: Any) -> list[Published]:
        for subject, pending in work:
            for event in pending:
                fields = self._fields(subject, event)
                self._redis.xadd(STREAM, dict(zip(fields[::2], fields[1::2], strict=True)))
        return [Published("ok", subject.revision) for subject, _ in work]

    Publisher._run = run  # type: ignore[method-assign]


def _sweep() -> None:
    """Nobody publishes what a crash left."""
    Sweep._settle = lambda *args, **kwargs: None  # type: ignore[method-assign]


def _publishing() -> None:
    """No protection, but what a sweep needs to have work: nothing that is written gets published."""
    Publisher.publish_many = lambda self, subjects: []  # type: ignore[method-assign]
    Writer.announce = lambda self, record: None  # type: ignore[method-assign]
    Sweep._settle = lambda *args, **kwargs: None  # type: ignore[method-assign]


def _decided_before() -> None:
    """A redelivered batch decides its items again."""
    BatchWriter._decided_before = lambda *args: 0  # type: ignore[method-assign]


def _late_ack() -> None:
    """A command is acknowledged before it is handed to the pool."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: Any) -> Any:
        delivery = shipped(self, state)
        if delivery is not None:
            self.settle_now(delivery, "ack")
        return delivery

    Inbox.exchange = exchange  # type: ignore[method-assign]


def _atomic_pop() -> None:
    """A message is taken off its list, and recorded as unacked by a later command."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: Any) -> Any:
        raw: Any = self.client.rpop(state.keys.queue) if state.epoch else None
        if raw is not None:
            points.reach("between_pop_and_record")
            self.client.rpush(state.keys.queue, raw)
        return shipped(self, state)

    Inbox.exchange = exchange  # type: ignore[method-assign]


def _epoch_of_a_settlement() -> None:
    """Whoever settles, settles what is in work in his queue."""
    text = scripts.SETTLE.text
    for old, new in (
        ("runs(tonumber(lease[2] or 0), now_ms())", "false"),
        ("redis.call('HDEL', KEYS[2], ARGV[2])", "redis.call('DEL', KEYS[2])"),
    ):
        assert old in text
        text = text.replace(old, new)
    scripts.SETTLE = scripts.Script.of(text)


def _parking() -> None:
    """What cannot be read is forgotten."""
    Delivery.park_later = lambda self, *reason: self.ack()  # type: ignore[method-assign]


def _place_of_the_returned() -> None:
    """What a dead worker held goes to the tail of its queue."""
    text = scripts.POP.text
    old = "redis.call('RPUSH', list, raw)"
    assert old in text
    scripts.POP = scripts.Script.of(text.replace(old, "redis.call('LPUSH', list, raw)"))


def _waiting() -> None:
    """An outage is taken for a bug."""

    class Never(Exception):
        pass

    worker.tasks.supervise.Unavailable = Never  # type: ignore[attr-defined,misc]


def _giving_back() -> None:
    """What is not this process's to finish, as it ends or has lost its lease, is acknowledged."""
    worker.tasks.commands.Reject = lambda *args, **kwargs: Ignore()  # type: ignore[attr-defined,misc,assignment]


def _reply_of_raise() -> None:
    """No protection, but a fault: Redis raises the epoch of a lease, and the first time nobody learns of it."""
    shipped, lost = Inbox.raise_epoch, []

    def raise_epoch(self: Inbox, delivery: Delivery, to: int) -> int:
        state = self._queues[delivery.queue]
        before = state.epoch
        epoch = shipped(self, delivery, to)
        if not lost:
            lost.append(epoch)
            state.epoch = before
            raise redis.ConnectionError("the reply was lost")
        return epoch

    Inbox.raise_epoch = raise_epoch  # type: ignore[method-assign]


PROTECTIONS: dict[str, Callable[[], None]] = {
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
    "place_of_the_returned": _place_of_the_returned,
    "waiting": _waiting,
    "giving_back": _giving_back,
    "reply_of_raise": _reply_of_raise,
}
