"""Between the transport and the tasks: what a decision has to know of the message that brought it."""

import time
from typing import Any

from contracts._redis.outage import translate_outage
from contracts.errors import InvalidParameter
from contracts.headers import TRACEPARENT, is_traceparent
from worker.dead_letters.message import task_message
from worker.domain.delivery import Delivery, Lease
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.tasks.envelope import deadline
from worker.transport import Delivery as Parcel
from worker.transport import LeaseLost


class TransportLease:
    """The lease of the partition that a parcel came from. Redis being away raises ``BrokerUnavailable``."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel = parcel

    def confirm(self) -> bool:
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            return self._parcel.holds_lease()

    def raise_epoch(self, at_least: int) -> int | None:
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            try:
                return self._parcel.raise_epoch(at_least)
            except LeaseLost:
                return None

    def wait(self, seconds: float) -> bool:
        # For good, and not only for the pause: most of an outage passes in tries that come to nothing.
        self._parcel.waiting()
        return self._parcel.pause(seconds)

    def give_up(self) -> None:
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            self._parcel.give_up()


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
        parcel = _parcel(request)
        if parcel is None:
            return
        if parcel.refusal:
            refusal = parcel.refusal
            raise InvalidParameter(refusal.message, details={"path": refusal.path, "reason": refusal.reason})
        if parcel.canvas:
            raise InvalidParameter(f"{parcel.canvas[0]} is not supported", details={"path": parcel.canvas[0]})

    def delivery(self, request: Any) -> Delivery:
        parcel = _parcel(request)
        headers = self.headers(request)
        traceparent = headers.get(TRACEPARENT)
        lease: Lease = TransportLease(parcel) if parcel else NoLease()
        return Delivery(
            command_id=request.id,
            epoch=parcel.epoch if parcel else 0,
            redelivered=parcel.redelivered if parcel else bool(request.delivery_info.get("redelivered")),
            expires=deadline(headers.get("expires")),
            traceparent=traceparent if is_traceparent(traceparent) else None,
            lease=lease,
        )

    def raw(self, request: Any) -> tuple[str, bytes]:
        parcel = _parcel(request)
        if parcel:
            return parcel.queue, parcel.raw
        queue = str(request.delivery_info.get("routing_key"))
        return queue, task_message(request.task, request.id, request.kwargs, queue)

    def forward(self, request: Any, queue: str) -> bool:
        parcel = _parcel(request)
        if parcel is None or parcel.queue == queue:
            return False
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            parcel.forward(queue)
        return True

    def headers(self, request: Any) -> dict[str, Any]:
        parcel = _parcel(request)
        if parcel:
            return dict(parcel.headers)
        return {**(request.headers or {}), "expires": request.expires}


def _parcel(request: Any) -> Parcel | None:
    parcel = getattr(request, "delivery", None)
    return parcel if isinstance(parcel, Parcel) else None
