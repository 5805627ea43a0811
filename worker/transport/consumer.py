"""Celery's consumer, made patient, and hard to stop with a bad message."""

import logging
import random
from concurrent.futures import Future
from typing import Any, Final

from celery.exceptions import Reject
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown
from redis.exceptions import RedisError

from worker.transport.delivery import Delivery
from worker.transport.inboxes import close_inboxes, open_inboxes
from worker.transport.message import Message
from worker.transport.options import Options
from worker.transport.state import stop_requested

logger = logging.getLogger(__name__)

RECONNECT_S: Final = (0.2, 1.0)


class Consumer(CeleryConsumer):  # type: ignore[misc]  # celery is untyped
    """Reconnects within a second, parks messages that no task can take, and returns its messages when it
    ends.
    """

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **kwargs: Any) -> None:
        # Mingle asks all other workers, and waits a second for answers, at every reconnect.
        options = {**(worker_options or {}), "without_mingle": True, "without_gossip": True}
        super().__init__(*args, worker_options=options, **kwargs)
        _guard_pool(self.pool)
        self._started_for: frozenset[str] = frozenset()

    def start(self) -> None:
        """Run until the worker ends; reconnect meanwhile."""
        # Only now: the checks at the start may have changed the queues.
        self._started_for = frozenset(self.app.amqp.queues.consume_from)
        super().start()

    def alive(self) -> None:
        """Do nothing. A subclass may note that the main thread is not stuck: it waits for Redis."""

    def answer_unknown_task(self, delivery: Delivery) -> None:
        """Do nothing. A subclass may answer a message of an unknown task; called in the event loop, before
        the message is parked.
        """

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes, trying again every 0.2 to 1 s."""

        def tell(error: Exception, interval: float) -> None:
            logger.error("no connection to %s: %s; again in %.1f s", conn.as_uri(), error, interval)
            # Waiting for Redis is not a hang, although the event loop stands still.
            self.alive()

        pause = random.uniform(*RECONNECT_S)  # noqa: S311  spreads reconnects, guards nothing
        conn = conn.ensure_connection(
            tell, None, interval_start=pause, interval_step=0, interval_max=pause, callback=maybe_shutdown
        )
        self.first_connection_attempt = False
        return conn

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Answer that the task is unknown, best effort, and park the message."""
        if not isinstance(message, Message):
            super().on_unknown_task(body, message, exc)
            return
        delivery = message.delivery
        logger.error("parked a message of %s that names no known task", delivery.queue)
        try:
            self.answer_unknown_task(delivery)
        except Exception:
            # The caller then meets its own timeout; the message is kept all the same.
            logger.exception("an unknown task could not be answered")
        delivery.park_later("unknown_task", delivery.envelope.task if delivery.envelope else "")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        if not _parked(message, "unknown_message"):
            super().on_unknown_message(body, message)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        if not _parked(message, "invalid_task", repr(exc)):
            super().on_invalid_task(body, message, exc)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        if not _parked(message, "undecodable", repr(exc)):
            super().on_decode_error(message, exc)

    def add_task_queue(self, queue: Any, *args: Any, **options: Any) -> None:
        """Consume ``queue`` too.

        An exclusive queue that the process was not started for is refused: only the checks at the start make
        sure that a worker keeps its order.
        """
        name = str(queue)
        exclusive = Options(exclusive=self.app.conf.broker_transport_options["exclusive_queues"])
        if exclusive.is_exclusive(name) and name not in self._started_for:
            logger.error("not consuming from %s: start a worker for it", name)
            return
        super().add_task_queue(queue, *args, **options)

    def cancel_task_queue(self, queue: Any) -> None:
        """Stop consuming ``queue`` and give its lease to a standby."""
        super().cancel_task_queue(queue)
        for inbox in open_inboxes():
            inbox.forget(str(getattr(queue, "name", queue)))

    def stop(self) -> None:
        """Take no more messages, and release the queues without a message in work."""
        # Not every end begins with a signal: commands that wait must learn of it in any case.
        stop_requested.set()
        super().stop()
        for inbox in open_inboxes():
            try:
                inbox.drain()
            except RedisError as error:
                logger.warning("could not release idle queues: %r", error)

    def cancel_active_requests(self) -> None:
        """End the commands that wait. A thread cannot be ended: its message is returned if it does not
        finish.
        """
        stop_requested.set()

    def shutdown(self) -> None:
        """Settle, return the other messages to the head, and release the leases, after the pool has ended."""
        super().shutdown()
        close_inboxes()


def _parked(message: Any, reason: str, detail: str = "") -> bool:
    if not isinstance(message, Message):
        return False
    logger.error("parked a message of %s: %s %s", message.delivery.queue, reason, detail)
    message.delivery.park_later(reason, detail)
    return True


def _guard_pool(pool: Any) -> None:
    """Make sure that a delivery is settled even if Celery's own code fails around the task.

    The threads pool drops errors that are raised outside the task, for example by the result backend. The
    message would then be neither acked nor returned, and its queue would stand still.
    """
    apply = pool.on_apply

    def on_apply(target: Any, args: Any = None, *rest: Any, **options: Any) -> Any:
        result = apply(target, args, *rest, **options)
        delivery = args[2].get("delivery") if args and len(args) > 2 and isinstance(args[2], dict) else None
        future = getattr(result, "f", None)
        if isinstance(delivery, Delivery) and isinstance(future, Future):
            future.add_done_callback(lambda done: _after(done, delivery))
        return result

    pool.on_apply = on_apply


def _after(future: "Future[Any]", delivery: Delivery) -> None:
    if future.cancelled():
        delivery.give_back()
        return
    error = future.exception()
    if error is None:
        return
    logger.error("a message of %s could not be finished: %r", delivery.queue, error, exc_info=error)
    if isinstance(error, RedisError | OSError | Reject):
        delivery.give_back()
    else:
        delivery.give_back_failed()
