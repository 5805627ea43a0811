"""Between the transport and the tasks: makes the attempt of a message."""

from typing import Any

from contracts._redis.outage import translate_outage
from contracts.errors import InvalidParameter
from contracts.headers import TRACEPARENT, is_traceparent
from worker.domain.attempt import Attempt
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.tasks.envelope import deadline
from worker.transport import Delivery, LeaseLost


class TransportLease:
    """The lease of the partition that a delivery came from.

    Raises: ``BrokerUnavailable`` while Redis is away.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def confirm(self) -> bool:
        """Return whether Redis says that this process still has the lease."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            return self._delivery.holds_lease()

    def raise_epoch(self, at_least: int) -> int | None:
        """Return a new epoch of at least ``at_least`` under the same lease, or None if the lease is lost."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            try:
                return self._delivery.raise_epoch(at_least)
            except LeaseLost:
                return None

    def wait(self, seconds: float) -> bool:
        """Wait during an outage; return True as soon as the process must end."""
        # The note stays after the pause, because most of an outage passes in tries, not in pauses.
        self._delivery.waiting()
        return self._delivery.pause(seconds)

    def give_up(self) -> None:
        """Give the partition, and this message with it, to a standby."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            self._delivery.give_up()


class LosslessBridge:
    """The bridge to the lossless transport."""

    def check(self, request: Any) -> None:
        delivery = _delivery(request)
        if delivery.refusal:
            refusal = delivery.refusal
            raise InvalidParameter(refusal.message, details={"path": refusal.path, "reason": refusal.reason})
        if delivery.canvas:
            raise InvalidParameter(
                f"{delivery.canvas[0]} is not supported", details={"path": delivery.canvas[0]}
            )

    def attempt(self, request: Any) -> Attempt:
        delivery = _delivery(request)
        traceparent = delivery.headers.get(TRACEPARENT)
        return Attempt(
            command_id=request.id,
            epoch=delivery.epoch,
            redelivered=delivery.redelivered,
            expires=deadline(delivery.headers.get("expires")),
            traceparent=traceparent if is_traceparent(traceparent) else None,
            lease=TransportLease(delivery),
        )

    def raw(self, request: Any) -> tuple[str, bytes]:
        delivery = _delivery(request)
        return delivery.queue, delivery.raw

    def forward(self, request: Any, queue: str) -> bool:
        delivery = _delivery(request)
        if delivery.queue == queue:
            return False
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            delivery.forward(queue)
        return True

    def headers(self, request: Any) -> dict[str, Any]:
        return dict(_delivery(request).headers)


def _delivery(request: Any) -> Delivery:
    delivery: Delivery = request.delivery
    return delivery
