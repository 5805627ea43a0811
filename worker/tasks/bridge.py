"""Between the transport and the tasks: what a decision has to know of the message that brought it."""

import time
from typing import Any

from contracts.errors import InvalidParameter
from contracts.headers import TRACEPARENT, is_traceparent
from worker.dead_letters.message import task_message
from worker.domain.attempt import Attempt, Lease
from worker.process.broker import broker_away
from worker.tasks.envelope import deadline
from worker.transport import Delivery, LeaseLost


class TransportLease:
    """The lease of the partition that a delivery came from. Redis being away raises ``BrokerUnavailable``."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def confirm(self) -> bool:
        with broker_away():
            return self._delivery.holds_lease()

    def raise_epoch(self, at_least: int) -> int | None:
        with broker_away():
            try:
                return self._delivery.raise_epoch(at_least)
            except LeaseLost:
                return None

    def wait(self, seconds: float) -> bool:
        # For good, and not only for the pause: most of an outage passes in tries that come to nothing.
        self._delivery.waiting()
        return self._delivery.pause(seconds)

    def give_up(self) -> None:
        with broker_away():
            self._delivery.give_up()


class NoLease:
    """Stands where nothing is leased: with the stock transport."""

    def confirm(self) -> bool:
        return True

    def raise_epoch(self, at_least: int) -> int | None:
        return at_least

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return False

    def give_up(self) -> None:
        return None


class LosslessBridge:
    """The bridge to the lossless transport, and, where a message came by the stock one, to that."""

    def check(self, request: Any) -> None:
        delivery = _delivery(request)
        if delivery is None:
            return
        if delivery.refusal:
            refusal = delivery.refusal
            raise InvalidParameter(refusal.message, details={"path": refusal.path, "reason": refusal.reason})
        if delivery.canvas:
            raise InvalidParameter(
                f"{delivery.canvas[0]} is not supported", details={"path": delivery.canvas[0]}
            )

    def attempt(self, request: Any) -> Attempt:
        delivery = _delivery(request)
        headers = self.headers(request)
        traceparent = headers.get(TRACEPARENT)
        lease: Lease = TransportLease(delivery) if delivery else NoLease()
        return Attempt(
            command_id=request.id,
            epoch=delivery.epoch if delivery else 0,
            redelivered=delivery.redelivered if delivery else bool(request.delivery_info.get("redelivered")),
            expires=deadline(headers.get("expires")),
            traceparent=traceparent if is_traceparent(traceparent) else None,
            lease=lease,
        )

    def raw(self, request: Any) -> tuple[str, bytes]:
        delivery = _delivery(request)
        if delivery:
            return delivery.queue, delivery.raw
        queue = str(request.delivery_info.get("routing_key"))
        return queue, task_message(request.task, request.id, request.kwargs, queue)

    def forward(self, request: Any, queue: str) -> bool:
        delivery = _delivery(request)
        if delivery is None or delivery.queue == queue:
            return False
        with broker_away():
            delivery.forward(queue)
        return True

    def headers(self, request: Any) -> dict[str, Any]:
        delivery = _delivery(request)
        if delivery:
            return dict(delivery.headers)
        return {**(request.headers or {}), "expires": request.expires}


def _delivery(request: Any) -> Delivery | None:
    delivery = getattr(request, "delivery", None)
    return delivery if isinstance(delivery, Delivery) else None
