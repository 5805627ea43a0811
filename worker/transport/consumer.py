"""Celery's consumer, made patient, hard to stop with a bad message, and one that takes groups."""

import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import redis
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown
from kombu.exceptions import OperationalError

from contracts._redis.outage import redis_outage
from contracts._redis.waits import Waits
from worker.transport.delivery import Delivery
from worker.transport.group import Group
from worker.transport.heart import Heart
from worker.transport.inboxes import close_inboxes, open_inboxes
from worker.transport.request import Request
from worker.transport.state import request_stop, stop_requested
from worker.transport.unfinished import settle_unfinished

logger = logging.getLogger(__name__)

RECONNECT_S: Final = (0.2, 1.0)
RIGHTS_S: Final = 1.0


class Consumer(CeleryConsumer):  # type: ignore[misc]  # celery is untyped
    """Reconnects within a second, parks messages that no task can take, and returns its messages when it
    ends.
    """

    class Blueprint(CeleryConsumer.Blueprint):  # type: ignore[misc]  # celery is untyped
        """Celery's steps without remote control: one message of it could drop others, or end the worker."""

        default_steps = (
            *(s for s in CeleryConsumer.Blueprint.default_steps if not s.endswith((":Control", ":Heart"))),
            Heart,
        )

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **kwargs: Any) -> None:
        # Mingle asks all other workers, and waits a second for answers, at every reconnect.
        options = {**(worker_options or {}), "without_mingle": True, "without_gossip": True}
        super().__init__(*args, worker_options=options, **kwargs)
        self._waits = Waits(logger)
        self._connecting = Waits(logger)

    def alive(self) -> None:
        """Do nothing. A subclass may note that the main thread is not stuck: it waits for Redis."""

    def answer_unknown_tasks(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing. A subclass may answer messages of unknown tasks; called in the event loop, before the
        messages are parked.
        """

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes, trying again every 0.2 to 1 s."""

        where = conn.as_uri().rpartition("@")[2].rpartition("//")[2]

        def tell(error: Exception, _: float) -> None:
            outage = redis_outage(error, "it does not answer")
            self._connecting.tell(f"no connection to Redis at {where}", outage)
            self._wait_is_no_hang(outage.text)

        pause = random.uniform(*RECONNECT_S)  # noqa: S311  spreads reconnects, guards nothing
        conn = conn.ensure_connection(
            tell, None, interval_start=pause, interval_step=0, interval_max=pause, callback=maybe_shutdown
        )
        self._connecting.over()
        self.first_connection_attempt = False
        return conn

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Tell of it; if Redis refuses this user, wait before it is asked again."""
        if not self._wait_for_rights(exc):
            super().on_connection_error_before_connected(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """The same: Celery would connect and fail again at once, for that needs no right."""
        self._wait_for_rights(exc)
        super().on_connection_error_after_connected(exc)

    def _wait_for_rights(self, error: Exception) -> bool:
        outage = redis_outage(error, "")
        if not outage.is_refusal:
            return False
        self._waits.tell("this worker waits", outage)
        self._wait_is_no_hang(outage.text)
        stop_requested.wait(RIGHTS_S)
        return True

    def _wait_is_no_hang(self, outage: str) -> None:
        """Beat, although the event loop does not turn: it waits for Redis, or for an operator."""
        self.alive()
        for inbox in open_inboxes():
            inbox.waits(outage)

    # A message's way to the pool

    def create_task_handler(self, *_: Any) -> Callable[[Group], None]:
        """Return what the event loop does with a group."""
        return self.receive

    def receive(self, group: Group) -> None:
        """Hand a group to the pool: an exclusive queue's as one job, in order, and each other message as
        one.

        A message that names no known task is answered, and parked.
        """
        self._park_unknown([d for d in group.unsettled if d.envelope.task not in self.app.tasks])
        requests = [request for delivery in group.unsettled if (request := self._request(delivery))]
        if not group.exclusive:
            for request in requests:
                job = self.pool.apply_async(self._run_single, (request,), callback=_ignore)
                job.f.add_done_callback(partial(self._done, [request.delivery]))
        elif requests:
            job = self.pool.apply_async(self._run_group, (group, requests), callback=_ignore)
            job.f.add_done_callback(partial(self._done, [request.delivery for request in requests]))

    def _request(self, delivery: Delivery) -> Request | None:
        envelope = delivery.envelope
        try:
            request = Request(
                delivery,
                envelope,
                app=self.app,
                hostname=self.hostname,
                eventer=self.event_dispatcher,
                task=self.app.tasks[envelope.task],
            )
            request.send_event(
                "task-received",
                name=request.name,
                args="",
                kwargs="",
                root_id=request.root_id,
                parent_id=request.parent_id,
                retries=0,
                eta=None,
                expires=None,
            )
        except (redis.RedisError, OSError, OperationalError):
            raise
        except Exception as error:
            # Whatever made Celery fail here would fail again at every start.
            logger.exception("parked a message of %s that could not be handed over", delivery.queue)
            delivery.park("undeliverable", repr(error))
            return None
        state.task_reserved(request)
        return request

    def _park_unknown(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        try:
            self.answer_unknown_tasks(deliveries)
        except Exception:
            # Their callers then meet their own timeouts; the messages are kept all the same.
            logger.exception("%d unknown task(s) could not be answered", len(deliveries))
        for delivery in deliveries:
            delivery.park("unknown_task", delivery.envelope.task)

    def _run_group(self, group: Group, requests: Sequence[Request]) -> None:
        for request in requests:
            request.on_accepted(os.getpid(), time.monotonic())
        try:
            self.apply_group(group, requests)
        finally:
            for request in requests:
                request.leave()

    def _run_single(self, request: Request) -> None:
        request.on_accepted(os.getpid(), time.monotonic())
        try:
            self.apply_single(request)
        finally:
            request.leave()

    def apply_single(self, request: Request) -> None:
        """Run the task of a message of a shared queue, and settle it; called in a thread of the pool."""
        request.run()

    def apply_group(self, group: Group, requests: Sequence[Request]) -> None:
        """Run the tasks of a group, in order, and settle each; called in a thread of the pool.

        A subclass may carry them out together.
        """
        for request in requests:
            # Settled already: the queue was given away.
            if group.stopping or request.delivery.settled:
                break
            request.run()
            if not request.delivery.settled:
                break
            group.flush()
        group.give_back()

    def _done(self, deliveries: Sequence[Delivery], job: "Future[Any]") -> None:
        settle_unfinished(deliveries, job)
        # The event loop sends what was settled, and takes what waits.
        self.call_soon(_ignore)

    def stop(self) -> None:
        """Take no more messages, and release the queues without a message in work."""
        # Not every end begins with a signal: commands that wait must learn of it in any case.
        request_stop()
        super().stop()
        for inbox in open_inboxes():
            try:
                inbox.drain()
            except redis.RedisError as error:
                logger.warning("could not release idle queues: %r", error)

    def cancel_active_requests(self) -> None:
        """End the commands that wait. A thread cannot be ended: its message is returned if it does not
        finish.
        """
        request_stop()

    def shutdown(self) -> None:
        """Settle, return the other messages to the head, and release the leases, after the pool has ended."""
        super().shutdown()
        close_inboxes()


def _ignore(*_: Any) -> None:
    """Do nothing: what comes next is the event loop's next turn."""
