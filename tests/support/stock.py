"""The shipped app on kombu's own Redis transport, to compare with: it loses messages, and is for no other use.

Nothing in the product knows of it: what `worker.app` takes from the lossless transport is replaced by name.
"""

import time
from typing import Any

from celery.worker.consumer import Consumer
from worker.domain.attempt import Attempt

import worker.app
from contracts._redis.connect import CONNECTION_OPTIONS
from contracts.headers import TRACEPARENT, is_traceparent
from tests.support.seams import replace
from worker.process.chores import threads_beside
from worker.tasks.envelope import deadline
from worker.transport.encode import task_message

REDELIVERY = {"visibility_timeout": 5, "unacked_restore_interval": 2, "unacked_restore_throttle": 1}
"""When kombu delivers again what a dead worker held, in seconds."""


class NoLease:
    """Stands where nothing is leased."""

    def confirm(self) -> bool:
        return True

    def raise_epoch(self, at_least: int) -> int | None:
        return at_least

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return False

    def give_up(self) -> None:
        return None


class StockBridge:
    """What the tasks need of the transport, as far as kombu's own knows it."""

    def check(self, request: Any) -> None:
        """Nothing was read of the message but what Celery reads."""

    def attempt(self, request: Any) -> Attempt:
        headers = self.headers(request)
        traceparent = headers.get(TRACEPARENT)
        return Attempt(
            command_id=request.id,
            redelivered=bool(request.delivery_info.get("redelivered")),
            expires=deadline(headers.get("expires")),
            traceparent=traceparent if is_traceparent(traceparent) else None,
            lease=NoLease(),
        )

    def raw(self, request: Any) -> tuple[str, bytes]:
        queue = str(request.delivery_info.get("routing_key"))
        return queue, task_message(request.task, request.id, request.kwargs, queue)

    def forward(self, request: Any, queue: str) -> bool:
        return False

    def headers(self, request: Any) -> dict[str, Any]:
        return {**(request.headers or {}), "expires": request.expires}


class StockConsumer(Consumer):  # type: ignore[misc]  # celery is untyped
    """Celery's own consumer, and beside it what runs beside that of the service."""

    def start(self) -> None:
        self._beside = threads_beside(self.app, list(self.app.amqp.queues.consume_from))
        self._beside.start()
        super().start()

    def shutdown(self) -> None:
        super().shutdown()
        self._beside.stop()


def create_stock_app() -> Any:
    """The app of this process's settings, on kombu's own transport."""
    replace(worker.app, "install", _configure)
    replace(worker.app, "LosslessBridge", StockBridge)
    return worker.app.create_app()


def _configure(app: Any, url: str, **options: Any) -> None:
    app.conf.broker_transport_options = CONNECTION_OPTIONS | REDELIVERY
    app.conf.worker_consumer = f"{__name__}:StockConsumer"
