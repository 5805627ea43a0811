"""The messages and leases of this process.

It belongs to the process and not to a connection. So a reconnect in the middle of a command loses neither the
ability to settle it, nor the knowledge that it still runs.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts._redis.connect import NamingRedis
from worker.lua import Call
from worker.transport import scripts
from worker.transport.delivery import Delivery
from worker.transport.group import Group
from worker.transport.keys import QueueKeys
from worker.transport.leases import Leases
from worker.transport.options import GROUP_BYTES, Options
from worker.transport.renewal import Renewal
from worker.transport.state import NEVER, QueueState, stop_requested
from worker.transport.tally import Tally
from worker.transport.unacked import Settlement, Unacked, settle_calls

logger = logging.getLogger(__name__)


class Inbox:
    """The messages and leases of one process on one Redis database.

    ``owner``: the name of this process in Redis: where it runs, for operators, and a random part, so that a
    pid used again is another owner.

    Only the event loop calls ``exchange``; any thread may call the other methods.
    """

    def __init__(self, connection: Mapping[str, Any], options: Options) -> None:
        parameters = {**connection, "retry": Retry(NoBackoff(), 0)}
        # Retries are the event loop's: it knows the tag that makes asking again safe.
        parameters.pop("retry_on_timeout", None)
        self.client = NamingRedis(connection_pool=redis.ConnectionPool(**parameters))
        self.options = options
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:16]}"
        self.draining = False
        self.leases = Leases(self.client, self.owner, options)
        self.unacked = Unacked()
        self._parked = Tally()
        self._number = 1
        self._sending = threading.Lock()
        self._renewal = Renewal(self.leases.renew_all, options.lease_s / 3)

    # What the event loop does

    def beat(self) -> None:
        """Note that the event loop is alive. Leases are renewed for 30 s after that."""
        self._renewal.beat()
        self._tell_parked()

    def waits(self, outage: str) -> None:
        """Note that the event loop waits for the end of an outage, which a sentence names."""
        self._renewal.wait(outage)

    def flush(self) -> None:
        """Send the pending settlements."""
        if self.unacked.pending:
            self._send(None)

    def exchange(self, state: QueueState, most: int) -> Group | None:
        """Send the pending settlements and take up to ``most`` messages of ``state``, in one round trip.

        Of an exclusive queue, nothing may be in hand. Returns None if there is no message, or if another
        process has the lease; ``state`` has the time to ask again.
        """
        # The numbers are used up when their answer has arrived: if it gets lost, the same ones are asked for.
        if not state.asked:
            state.asked, state.asked_most = self._number, most
            self._number += most
        keys, options = state.keys, self.options
        reply = self._send(
            Call(
                scripts.POP if state.exclusive else scripts.POP_SHARED,
                [state.membership, keys.unacked, keys.returned, keys.waiting, keys.poison, *keys.lists],
                [
                    self.owner,
                    options.lease_ms,
                    state.asked,
                    state.asked_most,
                    GROUP_BYTES,
                    options.limits.largest,
                    options.max_deaths,
                ],
            )
        )
        if reply[0] == b"standby":
            self._stand_by(state, int(reply[1]))
            return None
        if reply[0] == b"anew":
            logger.error(
                "the epoch in the lease of %s was no time, or more than a day ahead of Redis's clock: "
                "the lease is begun anew",
                state.keys.queue,
            )
        self._note_pop(state, int(reply[1]), {"oversize": int(reply[2]), "deaths": int(reply[3])})
        first, state.asked = state.asked, 0
        group = Group.of(self, state, first, reply[5:]) if len(reply) > 5 else None
        if group:
            self.unacked.add(group.deliveries)
        # An exclusive queue is asked again with the settlement of what was taken of it.
        state.ask_at = NEVER if reply[4] and not (group and state.exclusive) else 0.0
        return group

    def _stand_by(self, state: QueueState, left_ms: int) -> None:
        if state.epoch:
            logger.warning("lost the lease of %s to another process", state.keys.queue)
            state.epoch = 0
        state.standby = True
        state.ask_at = time.monotonic() + left_ms / 1000 + 0.01

    def _note_pop(self, state: QueueState, epoch: int, parked: Mapping[str, int]) -> None:
        queue = state.keys.queue
        state.standby = False
        if epoch != state.epoch:
            logger.info("holds the lease of %s with epoch %d", queue, epoch)
            state.epoch = epoch
        if any(parked.values()):
            self._note_parked(queue, parked)

    def _note_parked(self, queue: str, counts: Mapping[str, int]) -> None:
        self._parked.add({f"{reason} of {queue}": count for reason, count in counts.items()})
        self._tell_parked()

    def _tell_parked(self, *, at_once: bool = False) -> None:
        # A line for each would let a sender of junk fill the disk.
        if text := self._parked.take(at_once=at_once):
            logger.error("parked messages: %s", text)

    def _send(self, pop: Call | None) -> Any:
        with self._sending:
            pending = self.unacked.pending
            settling = settle_calls(self.owner, pending)
            results = scripts.run_all(self.client, [*(call for _, call in settling), *([pop] if pop else [])])
            self.unacked.sent(len(pending))
        for (settled, _), valid in zip(settling, results, strict=False):
            if int(valid) < len(settled):
                logger.warning(
                    "%s of %d message(s) of %s came too late: they were settled, or are in other hands",
                    settled[0].action,
                    len(settled) - int(valid),
                    settled[0].delivery.queue,
                )
        return results[-1] if pop else None

    # What a delivery asks for

    def settle(self, delivery: Delivery, action: str, *arguments: str) -> None:
        """Settle a delivery with the next exchange, or at once while the process drains."""
        if not self.unacked.settle(Settlement(delivery, action, arguments)):
            return
        if action == "park":
            self._note_parked(delivery.queue, {arguments[0]: 1})
        if self.draining:
            # The event loop turns no more.
            self.drain()

    def note_waits(self, deliveries: Sequence[Delivery]) -> bool:
        """Note in Redis that messages of a queue wait for a server; return whether Redis took the note."""
        keys = QueueKeys.of(deliveries[0].queue)
        tags = [delivery.tag for delivery in deliveries]
        try:
            scripts.run_script(self.client, Call(scripts.NOTE_WAIT, [keys.unacked, keys.waiting], tags))
        except redis.RedisError as error:
            logger.info("not noted that messages of %s wait: %r", deliveries[0].queue, error)
            return False
        return True

    def give_up(self) -> None:
        """Release every exclusive queue, and leave it to others for the time of one lease."""
        for state in self.leases.states:
            if state.exclusive:
                state.held_off_until = time.monotonic() + self.options.lease_s
                self.release(state)

    def pause(self, seconds: float) -> bool:
        """Sleep until ``seconds`` have passed or the process must end; return whether it must end."""
        return stop_requested.wait(seconds)

    @property
    def stopping(self) -> bool:
        """Whether this process must end."""
        return self.draining or stop_requested.is_set()

    # Leaving

    def release(self, state: QueueState) -> None:
        """Give up one queue, with all that is in hand of it."""
        self.leases.release(state)
        self.unacked.let_go(state.keys.queue)

    def forget(self, queue: str) -> None:
        """Stop consuming ``queue`` and release it."""
        state = self.leases.end(queue)
        if state is not None:
            self.release(state)

    def drain(self) -> None:
        """Send the settlements, and release every queue without a message in work: the process ends."""
        self.draining = True
        self.beat()
        self.flush()
        for state in self.leases.states:
            # Another thread's settlement may be on its way still: released now, its message would go back.
            if not self.unacked.is_busy(state.keys.queue):
                self.forget(state.keys.queue)

    def close(self) -> None:
        """Send the settlements, return all other messages, and end the renewal."""
        self.draining = True
        try:
            self.flush()
            for state in self.leases.states:
                self.forget(state.keys.queue)
        finally:
            self._tell_parked(at_once=True)
            self._renewal.stop()
            self.client.close()
