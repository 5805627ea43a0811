"""What this process has of the queues: leases, unacked messages, and settlements that Redis does not have
yet.

It belongs to the process and not to a connection. So a reconnect in the middle of a command loses neither the
ability to settle it, nor the knowledge that it still runs.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.transport import scripts
from worker.transport.delivery import Delivery, LeaseLost
from worker.transport.keys import QueueKeys
from worker.transport.options import Options
from worker.transport.renewal import Renewal
from worker.transport.scripts import Call
from worker.transport.state import QueueState, stop_requested

logger = logging.getLogger(__name__)


class Inbox:
    """The messages and leases of one process on one Redis database.

    Only the event loop calls ``exchange``; any thread may call the other methods.
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
        self._number = 0
        self._lock = threading.RLock()
        self._sending = threading.Lock()
        self._renewal = Renewal(self._renew_all, options.lease_s / 3)

    # What the event loop does

    def consume(self, queue: str) -> QueueState:
        """Begin to consume ``queue``; the state from before a reconnect is kept."""
        with self._lock:
            state = self._queues.get(queue)
            if state is None:
                state = QueueState(QueueKeys.of(queue), self.options.is_exclusive(queue))
                self._queues[queue] = state
            state.idle = False
            state.standby_until = 0.0
            return state

    def beat(self) -> None:
        """Note that the event loop is alive. Leases are renewed for 30 s after that."""
        self._renewal.beat()

    @property
    def held(self) -> int:
        """The number of messages in the hands of this process."""
        return len(self._held)

    def flush(self) -> None:
        """Send the pending settlements."""
        if self._pending:
            self._send(None)

    def exchange(self, state: QueueState) -> Delivery | None:
        """Send the pending settlements and take one message of ``state``, in one round trip.

        Returns None if there is none, or if another process has the lease; ``state`` has the time to ask
        again.
        """
        # The tag is used up when its answer has arrived: if that gets lost, it asks for the same one again.
        if not state.asked:
            self._number += 1
            state.asked = self._number
        tag = f"{self.owner}:{state.asked}"
        # Before the pending settlements are sent: a message that is settled meanwhile still counts.
        in_hand = self._in_hand(state) if state.exclusive else []
        keys, options = state.keys, self.options
        reply = self._send(
            Call(
                scripts.POP if state.exclusive else scripts.POP_SHARED,
                [state.membership, keys.unacked, keys.returned, keys.waiting, keys.poison, *keys.lists],
                [self.owner, options.lease_ms, tag, options.limits.largest, options.max_deaths, *in_hand],
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
            if reply[2]:
                # What it parked bears its tag: the next one's must differ.
                state.asked = 0
            return None
        returned = reply[3] != b""
        delivery = Delivery(
            self, keys.queue, tag, epoch, returned, int(reply[3] or 0), raw=reply[4], returned=returned
        )
        with self._lock:
            state.asked = 0
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
        return results[-1] if pop else None

    # What a delivery asks for

    def settle_later(self, delivery: Delivery, action: str, *arguments: str) -> None:
        """Settle a delivery with the next exchange, or at once while the process drains."""
        with self._lock:
            if not self._let_go(delivery):
                return
            self._pending.append((delivery, self._settlement(delivery, action, arguments, "")))
        if self.draining:
            # The event loop turns no more.
            self.drain()

    def settle_now(self, delivery: Delivery, action: str, *arguments: str, target: str = "") -> bool:
        """Settle a delivery at once; return False if this process no longer had it."""
        if delivery.settled:
            return False
        valid = bool(scripts.run_script(self.client, self._settlement(delivery, action, arguments, target)))
        if not valid:
            _tell_stale(delivery, action)
        with self._lock:
            self._let_go(delivery)
        return valid

    def note_wait(self, delivery: Delivery) -> bool:
        """Note in Redis that a message waits for a server; return whether Redis took the note."""
        keys = QueueKeys.of(delivery.queue)
        try:
            scripts.run_script(
                self.client, Call(scripts.NOTE_WAIT, [keys.unacked, keys.waiting], [delivery.tag])
            )
        except redis.RedisError as error:
            logger.info("not noted that a message of %s waits: %r", delivery.queue, error)
            return False
        return True

    def confirm(self, delivery: Delivery) -> bool:
        """Return whether the lease is still that of the delivery. It is renewed on the way."""
        state = self._queues.get(delivery.queue)
        if state is None or not state.exclusive:
            return state is not None
        return self._renew_one(state) == delivery.epoch

    def raise_epoch(self, delivery: Delivery, to: int) -> int:
        """Raise the epoch of the delivery's lease to at least ``to``, and return it.

        Raises: ``LeaseLost``.
        """
        state = self._queues.get(delivery.queue)
        if state is None or not state.exclusive:
            raise LeaseLost(f"no lease of {delivery.queue} is held")
        call = Call(scripts.RAISE, [state.keys.lease], [self.owner, str(delivery.epoch), str(to)])
        epoch = int(scripts.run_script(self.client, call))
        if not epoch:
            raise LeaseLost(f"the lease of {delivery.queue} has another owner")
        state.epoch = epoch
        return epoch

    def give_up(self) -> None:
        """Release every exclusive queue, and leave it to others for the time of one lease."""
        with self._lock:
            states = [state for state in self._queues.values() if state.exclusive]
        for state in states:
            state.held_off_until = time.monotonic() + self.options.lease_s
            self.release(state)

    def pause(self, seconds: float) -> bool:
        """Sleep until ``seconds`` have passed or the process must end; return whether it must end."""
        return stop_requested.wait(seconds)

    @property
    def stopping(self) -> bool:
        """Return whether this process must end."""
        return self.draining or stop_requested.is_set()

    # Leaving

    def release(self, state: QueueState) -> None:
        """Give up one queue: return its unacked messages to the head and wake a standby."""
        keys = state.keys
        call = Call(
            scripts.RELEASE if state.exclusive else scripts.RELEASE_SHARED,
            [state.membership, keys.unacked, keys.returned, keys.waiting, keys.lists[0], keys.doorbell],
            [self.owner],
        )
        moved = int(scripts.run_script(self.client, call))
        state.epoch = 0
        with self._lock:
            for delivery in [held for held in self._held.values() if held.queue == keys.queue]:
                self._let_go(delivery)
        if moved > 0:
            logger.info("gave %d message(s) of %s back", moved, keys.queue)

    def forget(self, queue: str) -> None:
        """Stop consuming ``queue`` and release it."""
        with self._lock:
            state = self._queues.pop(queue, None)
        if state is not None:
            self.release(state)

    def drain(self) -> None:
        """Send the settlements, and release every queue without a message in work: the process ends."""
        self.draining = True
        self.beat()
        self.flush()
        with self._lock:
            # Another thread's settlement may be on its way still: released now, its message would go back.
            busy = {held.queue for held in [*self._held.values(), *(sent for sent, _ in self._pending)]}
            idle = [queue for queue in self._queues if queue not in busy]
        for queue in idle:
            self.forget(queue)

    def close(self) -> None:
        """Send the settlements, return all other messages, and end the renewal."""
        self.draining = True
        try:
            self.flush()
            for queue in list(self._queues):
                self.forget(queue)
        finally:
            self._renewal.stop()
            self.client.close()

    # Inside

    def _in_hand(self, state: QueueState) -> list[str]:
        """Return the tags of a queue whose records must be in Redis: messages not settled, or settled but not
        yet sent.
        """
        with self._lock:
            known = [*self._held.values(), *(delivery for delivery, _ in self._pending)]
        return [delivery.tag for delivery in known if delivery.queue == state.keys.queue]

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

    def _renew_all(self) -> None:
        with self._lock:
            states = [state for state in self._queues.values() if state.epoch or not state.exclusive]
        for state in states:
            self._renew_one(state)

    def _renew_one(self, state: QueueState) -> int:
        script = scripts.RENEW if state.exclusive else scripts.RENEW_SHARED
        arguments: list[scripts.Argument] = [self.owner, self.options.lease_ms]
        return int(scripts.run_script(self.client, Call(script, [state.membership], arguments)))


def _one_line(text: str) -> bytes:
    # Of a message, perhaps: half a character, which no connection can send, would stay pending for ever.
    return " ".join(text.split())[:500].encode("utf-8", "replace")


def _tell_stale(delivery: Delivery, action: str) -> None:
    logger.warning(
        "%s of a message of %s came too late: it was settled already, or is in other hands",
        action,
        delivery.queue,
    )
