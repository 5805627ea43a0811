"""What this process holds of the queues: leases, unacked messages, and settlements on their way to Redis.

It belongs to the process and not to a connection: a reconnect in the middle of a command loses neither the
ability to settle it nor the knowledge that it is still running.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.transport import scripts
from worker.transport.delivery import Delivery, LeaseLost
from worker.transport.envelope import Limits
from worker.transport.keys import QueueKeys
from worker.transport.scripts import Call

logger = logging.getLogger(__name__)

DEFAULT_LEASE_S: Final = 5.0
DEFAULT_MAX_DEATHS: Final = 5
LOOP_ALIVE_S: Final = 30.0

#: Set when the process has been told to end. A thread that waits for an outage to pass waits on it.
stop_requested = threading.Event()


@dataclass(frozen=True, slots=True)
class Options:
    """How the queues are kept. ``exclusive`` and ``shared`` are names or patterns (``plugin.commands.*``).

    ``lease_s``: seconds that a lease, or a consumer of a shared queue, outlives its last sign of life.
    ``max_deaths``: at so many deaths of its process a message is parked instead of handed out.
    """

    exclusive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    lease_s: float = DEFAULT_LEASE_S
    max_deaths: int = DEFAULT_MAX_DEATHS
    limits: Limits = field(default_factory=Limits)

    def is_exclusive(self, queue: str) -> bool:
        return any(fnmatchcase(queue, pattern) for pattern in self.exclusive)

    def is_ours(self, queue: str) -> bool:
        return self.is_exclusive(queue) or any(fnmatchcase(queue, pattern) for pattern in self.shared)

    @property
    def lease_ms(self) -> int:
        return int(self.lease_s * 1000)


@dataclass(slots=True)
class QueueState:
    """One consumed queue: its lease, and when (monotonic s) it is worth asking for messages again."""

    keys: QueueKeys
    exclusive: bool
    epoch: int = 0
    idle: bool = False
    standby_until: float = 0.0
    held_off_until: float = 0.0

    def ready(self, now: float) -> bool:
        return not self.idle and now >= self.standby_until and now >= self.held_off_until

    @property
    def watched(self) -> tuple[str, ...]:
        """The keys whose change is worth asking again."""
        return (self.keys.doorbell,) if self.standby_until else self.keys.lists

    @property
    def membership(self) -> str:
        return self.keys.lease if self.exclusive else self.keys.consumers


class Inbox:
    """The messages and leases of one process on one Redis database.

    ``exchange`` is called by the event loop alone; the rest by any thread.
    """

    def __init__(self, connection: Mapping[str, Any], options: Options) -> None:
        parameters = {**connection, "retry": Retry(NoBackoff(), 0)}
        # Retries are the event loop's: it knows the tag that makes asking again safe.
        parameters.pop("retry_on_timeout", None)
        self.client = redis.Redis(connection_pool=redis.ConnectionPool(**parameters))
        self.options = options
        #: Tells operators where the owner of a lease runs; unique, so that a pid used again is another owner.
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:16]}"
        self.draining = False
        self._queues: dict[str, QueueState] = {}
        self._held: dict[str, Delivery] = {}
        self._pending: deque[tuple[Delivery, Call]] = deque()
        self._number = 1
        self._lock = threading.RLock()
        self._sending = threading.Lock()
        self._beat = time.monotonic()
        self._closed = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="lease-renewal", daemon=True)
        self._renewer.start()

    # What the event loop does

    def consume(self, queue: str) -> QueueState:
        """Begins to consume ``queue``; what is known of it from before a reconnect is kept."""
        with self._lock:
            state = self._queues.get(queue)
            if state is None:
                state = QueueState(QueueKeys.of(queue), self.options.is_exclusive(queue))
                self._queues[queue] = state
            state.idle = False
            state.standby_until = 0.0
            return state

    def beat(self) -> None:
        """The event loop is alive. Leases are renewed for 30 s after the last of these."""
        self._beat = time.monotonic()

    @property
    def held(self) -> int:
        """How many messages are in the hands of this process."""
        return len(self._held)

    def flush(self) -> None:
        """Sends the settlements on their way."""
        if self._pending:
            self._send(None)

    def exchange(self, state: QueueState) -> Delivery | None:
        """Sends the settlements on their way, and pops one message of ``state``, in one round trip.

        None when there is none, or another process has the lease; ``state`` tells when to ask again.
        """
        # The tag is used up when its answer has arrived: if that gets lost, it asks for the same one again.
        tag = f"{self.owner}:{self._number}"
        keys, options = state.keys, self.options
        reply = self._send(
            Call(
                scripts.POP if state.exclusive else scripts.POP_SHARED,
                [state.membership, keys.unacked, keys.returned, keys.waiting, keys.poison, *keys.lists],
                [self.owner, options.lease_ms, tag, options.limits.largest, options.max_deaths],
            )
        )
        kind = reply[0]
        if kind == b"standby":
            if state.epoch:
                logger.warning("lost the lease of %s to another process", keys.queue)
                state.epoch = 0
            state.standby_until = time.monotonic() + int(reply[1]) / 1000 + 0.01
            return None
        epoch = int(reply[1])
        state.standby_until = 0.0
        if epoch != state.epoch:
            logger.info("holds the lease of %s with epoch %d", keys.queue, epoch)
            state.epoch = epoch
        if reply[2]:
            logger.error("parked %d message(s) of %s before they were handed out", reply[2], keys.queue)
        if kind == b"empty":
            # A pop parks so many at most: behind them may be more.
            state.idle = not reply[2]
            return None
        returned = reply[3] != b""
        delivery = Delivery(
            self, keys.queue, tag, epoch, returned, int(reply[3] or 0), raw=reply[4], returned=returned
        )
        with self._lock:
            self._number += 1
            self._held[tag] = delivery
        return delivery

    def _send(self, pop: Call | None) -> Any:
        with self._sending:
            with self._lock:
                batch = list(self._pending)
            calls = [call for _, call in batch] + ([pop] if pop else [])
            results = scripts.run_all(self.client, calls)
            with self._lock:
                for _ in batch:
                    self._pending.popleft()
        for (delivery, call), valid in zip(batch, results, strict=False):
            if not valid:
                _tell_stale(delivery, str(call.args[2]))
        return results[-1]

    # What a delivery asks for

    def settle_later(self, delivery: Delivery, action: str, *arguments: str) -> None:
        with self._lock:
            if not self._let_go(delivery):
                return
            self._pending.append((delivery, self._settlement(delivery, action, arguments, "")))
        if self.draining:
            # The event loop turns no more.
            self.drain()

    def settle_now(self, delivery: Delivery, action: str, *arguments: str, target: str = "") -> bool:
        if delivery.settled:
            return False
        valid = bool(scripts.run(self.client, self._settlement(delivery, action, arguments, target)))
        if not valid:
            _tell_stale(delivery, action)
        with self._lock:
            self._let_go(delivery)
        return valid

    def mark(self, delivery: Delivery, applying: bool) -> None:
        keys = QueueKeys.of(delivery.queue)
        arguments = [delivery.tag, "apply" if applying else "wait"]
        scripts.run(self.client, Call(scripts.MARK, [keys.unacked, keys.waiting], arguments))

    def confirm(self, delivery: Delivery) -> bool:
        state = self._queues.get(delivery.queue)
        if state is None or not state.exclusive:
            return state is not None
        return self._renew_one(state) == delivery.epoch

    def raise_epoch(self, delivery: Delivery, to: int) -> int:
        state = self._queues.get(delivery.queue)
        if state is None or not state.exclusive:
            raise LeaseLost(f"no lease of {delivery.queue} is held")
        call = Call(scripts.RAISE, [state.keys.lease], [self.owner, str(delivery.epoch), str(to)])
        epoch = int(scripts.run(self.client, call))
        if not epoch:
            raise LeaseLost(f"the lease of {delivery.queue} has another owner")
        state.epoch = epoch
        return epoch

    def give_up(self) -> None:
        with self._lock:
            states = [state for state in self._queues.values() if state.exclusive]
        for state in states:
            state.held_off_until = time.monotonic() + self.options.lease_s
            self.release(state)

    def pause(self, seconds: float) -> bool:
        return stop_requested.wait(seconds)

    @property
    def stopping(self) -> bool:
        return self.draining or stop_requested.is_set()

    # Leaving

    def release(self, state: QueueState) -> None:
        """Gives up one queue in good order: its unacked messages go to the head, a standby is woken."""
        keys = state.keys
        call = Call(
            scripts.RELEASE if state.exclusive else scripts.RELEASE_SHARED,
            [state.membership, keys.unacked, keys.returned, keys.waiting, keys.lists[0], keys.doorbell],
            [self.owner],
        )
        moved = int(scripts.run(self.client, call))
        state.epoch = 0
        with self._lock:
            for delivery in [held for held in self._held.values() if held.queue == keys.queue]:
                self._let_go(delivery)
        if moved > 0:
            logger.info("gave %d message(s) of %s back", moved, keys.queue)

    def forget(self, queue: str) -> None:
        """No longer consumes ``queue``, and releases it."""
        with self._lock:
            state = self._queues.pop(queue, None)
        if state is not None:
            self.release(state)

    def drain(self) -> None:
        """Sends what is settled, and releases every queue of which nothing is in work: the process ends."""
        self.draining = True
        self.beat()
        self.flush()
        with self._lock:
            busy = {held.queue for held in self._held.values()}
            idle = [queue for queue in self._queues if queue not in busy]
        for queue in idle:
            self.forget(queue)

    def close(self) -> None:
        """Sends what is settled, gives everything else back, and ends the renewal."""
        self.draining = True
        try:
            self.flush()
            for queue in list(self._queues):
                self.forget(queue)
        finally:
            self._closed.set()
            self.client.close()

    # Inside

    def _let_go(self, delivery: Delivery) -> bool:
        if delivery.settled:
            return False
        delivery.settled = True
        self._held.pop(delivery.tag, None)
        return True

    def _settlement(self, delivery: Delivery, action: str, arguments: tuple[str, ...], target: str) -> Call:
        keys = QueueKeys.of(delivery.queue)
        lists = {"park": keys.poison, "forward": target}
        return Call(
            scripts.SETTLE,
            [
                keys.lease,
                keys.unacked,
                keys.returned,
                keys.waiting,
                lists.get(action, keys.lists[0]),
                QueueKeys.of(target).returned if target else keys.returned,
            ],
            [self.owner, delivery.tag, action, "1" if delivery.returned else "", *map(_one_line, arguments)],
        )

    def _renew(self) -> None:
        silent = False
        while not self._closed.wait(self.options.lease_s / 3):
            if time.monotonic() - self._beat > LOOP_ALIVE_S:
                if not silent:
                    logger.critical("the event loop stands still: leases are no longer renewed")
                silent = True
                continue
            silent = False
            with self._lock:
                states = [state for state in self._queues.values() if state.epoch or not state.exclusive]
            try:
                for state in states:
                    self._renew_one(state)
            except redis.RedisError as error:
                logger.warning("leases could not be renewed: %r", error)

    def _renew_one(self, state: QueueState) -> int:
        script = scripts.RENEW if state.exclusive else scripts.RENEW_SHARED
        arguments: list[scripts.Argument] = [self.owner, self.options.lease_ms]
        return int(scripts.run(self.client, Call(script, [state.membership], arguments)))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]


def _tell_stale(delivery: Delivery, action: str) -> None:
    logger.warning("%s of a message of %s came too late: it is in other hands", action, delivery.queue)


_inboxes: dict[tuple[Any, ...], Inbox] = {}
_inboxes_lock = threading.Lock()


def inbox_of(connection: Mapping[str, Any], options: Options) -> Inbox:
    """The one inbox of this process for the database that ``connection`` (redis-py's parameters) names."""
    key = tuple(connection.get(name) for name in ("host", "port", "path", "db"))
    with _inboxes_lock:
        if key not in _inboxes:
            _inboxes[key] = Inbox(connection, options)
        return _inboxes[key]


def open_inboxes() -> list[Inbox]:
    """The inboxes of this process."""
    with _inboxes_lock:
        return list(_inboxes.values())


def close_inboxes() -> None:
    """Gives back all that this process holds. Errors of one do not keep the others."""
    with _inboxes_lock:
        inboxes = list(_inboxes.values())
        _inboxes.clear()
    for inbox in inboxes:
        try:
            inbox.close()
        except redis.RedisError as error:
            # The lease runs out by itself, and what is unacked is pushed back by whoever takes it.
            logger.warning("could not give the queues back: %r", error)
