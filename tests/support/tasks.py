"""Carries out a task in this process, as a worker would that has taken its message off a queue."""

from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu.utils.json import loads

from tests.support.messages import message
from worker.tasks.base import ServiceTask
from worker.transport.delivery import Delivery
from worker.transport.protocol import Envelope, MessageLimits, parse_envelope


class Ledger:
    """Where deliveries are settled; remembers how."""

    def __init__(self) -> None:
        self.settled: list[tuple[str, str]] = []

    def settle(self, delivery: Delivery, action: str, *arguments: str) -> None:
        delivery.settled = True
        self.settled.append((delivery.envelope.id, action))

    def note_waits(self, deliveries: Sequence[Delivery]) -> bool:
        return True


def delivery_of(
    task: str, kwargs: dict[str, Any], command_id: str = "c-1", queue: str = "plugin.queries", **headers: Any
) -> Delivery:
    """A message as it was taken off its queue."""
    raw = message(task, kwargs, command_id, queue, **headers)
    delivery = Delivery(Ledger(), queue, f"owner:{command_id}", False, 0, raw)
    envelope = parse_envelope(raw, MessageLimits())
    assert isinstance(envelope, Envelope)
    delivery.envelope = envelope
    return delivery


def run_task(
    app: Celery, task: str, kwargs: dict[str, Any], delivery: Delivery | None = None, **headers: Any
) -> Any:
    """Runs a registered task on its message; returns its result, or raises what it raises."""
    registered: ServiceTask = app.tasks[task]
    return loads(registered.result(delivery or delivery_of(task, kwargs, **headers)))
