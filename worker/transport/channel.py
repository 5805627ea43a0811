"""kombu's Redis transport, made lossless for the queues that the options name.

The script that takes a message of such a queue off the list also writes its unacked record. Everything else
(publishing, other queues, fanout for events) is left to the stock transport.
"""

# mypy: disallow-untyped-calls=False

import logging
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import ResponseError

from contracts._redis.outage import redis_outage
from contracts._redis.silence import Connection, SSLConnection
from contracts._redis.waits import Waits
from worker.transport.full import StockChannel
from worker.transport.group import Group
from worker.transport.inbox import Inbox
from worker.transport.inboxes import inbox_of
from worker.transport.options import Options
from worker.transport.protocol import Unreadable, parse_envelope
from worker.transport.state import QueueState
from worker.transport.wakeup import Wakeup

logger = logging.getLogger(__name__)

RECHECK_S = 1.0
"""Check an idle queue after so many seconds even if nothing was announced, as stock BRPOP does."""
POLL_S = 0.04
"""Check queues after so many seconds if Redis cannot announce changes."""
TAKE_S = 1.0
"""Take messages for so many seconds before the rest of the event loop gets its turn."""
TAKEN_AT_ONCE = 64
"""Take so many messages of a shared queue in one round trip, if the prefetch count allows it."""

Callback = Callable[[Group], None]


class Channel(StockChannel):
    """Consumes the named queues through the inbox of the process, and every other as the stock
    channel does.
    """

    connection_class = Connection
    connection_class_ssl = SSLConnection
    queue_options = Options()

    from_transport_options = (  # type: ignore[assignment]  # kombu says how many
        *StockChannel.from_transport_options,
        "queue_options",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.inbox: Inbox | None = None
        self.watch: Wakeup | None = None
        self._states: dict[str, QueueState] = {}
        self._receivers: dict[str, Callback] = {}
        self._armed = False
        self._busy = False
        self._looked_at = 0.0
        self._waits = Waits(logger)
        super().__init__(*args, **kwargs)

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Callback, consumer_tag: str, **kwargs: Any
    ) -> Any:
        if not self.queue_options.is_ours(queue):
            return super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)
        if self.inbox is None:
            self.inbox = inbox_of(self._connparams(), self.queue_options)
            self.watch = Wakeup(self._connparams())
        self._tag_to_queue[consumer_tag] = queue
        self._consumers.add(consumer_tag)
        self._receivers[queue] = callback
        self._states[queue] = self.inbox.leases.begin(queue)
        self._armed = False
        return None

    def basic_cancel(self, consumer_tag: str) -> Any:
        queue = self._tag_to_queue.get(consumer_tag)
        if queue not in self._receivers:
            return super().basic_cancel(consumer_tag)
        # The lease stays: a reconnect cancels too. Giving it back is the Consumer's, which knows why.
        self._consumers.discard(consumer_tag)
        del self._tag_to_queue[consumer_tag], self._receivers[queue], self._states[queue]
        return None

    def message_to_python(self, raw_message: Any) -> Any:
        return raw_message if isinstance(raw_message, Group) else super().message_to_python(raw_message)

    def close(self) -> None:
        if self.watch is not None:
            if self.connection is not None:
                self.connection.cycle.forget_watch(self)
            self.watch.close()
        super().close()

    # One turn of the event loop

    def pump(self) -> None:
        """Settle what must be settled, and deliver messages up to the prefetch count.

        While Redis refuses this user a right, both wait: to connect again, as Celery would do, helps nothing.
        """
        if self.inbox is None or self.watch is None:
            return
        try:
            self._pump(self.inbox, self.watch)
        except ResponseError as error:
            outage = redis_outage(error, "")
            if not outage.is_refusal:
                raise
            self._waits.tell(f"{' and '.join(self._states)}: messages wait", outage)
            self.connection.turn_soon(RECHECK_S)
        else:
            self._waits.over()

    def _pump(self, inbox: Inbox, watch: Wakeup) -> None:
        inbox.beat()
        now = time.monotonic()
        if now - self._looked_at >= (RECHECK_S if watch.supported else POLL_S):
            self._looked_at = now
            self.look_again()
        self._busy = False
        is_done = self._take_and_arm(inbox, watch, now + TAKE_S)
        inbox.flush()
        if not is_done and self._busy:
            self.connection.turn_now()
        elif not is_done or not watch.supported:
            self.connection.turn_soon(POLL_S)

    def _take_and_arm(self, inbox: Inbox, watch: Wakeup, until: float) -> bool:
        """Take what there is, then arm the watch; return whether that is done.

        What came in between is announced to nobody. So if the watch finds anything, it is not armed: take
        once more, and arm it again.
        """
        for _ in range(2):
            if self._take_all(inbox, until):
                return False
            # Listening from the first turn on, since it is also what tells of a connection that is lost.
            if self._armed or (watch.is_listening and not self._may_take(inbox)):
                return True
            watched = [key for state in self._states.values() for key in state.watched]
            self._armed = not watched or not watch.arm(watched)
            if self._armed:
                return True
            self.look_again()
        return False

    def look_again(self) -> None:
        """Ask every queue in the next turn, because something may have changed."""
        self._armed = False
        for state in self._states.values():
            state.ask_at = 0.0

    def watch_read(self) -> None:
        """Read the announcements of the wakeup."""
        if self.watch is not None:
            self.watch.read()
            self.look_again()

    def _room(self, inbox: Inbox, state: QueueState) -> int:
        """Return how many messages of a queue may be taken now."""
        if inbox.stopping:
            return 0
        if state.exclusive:
            # One group at a time: what waits meanwhile is taken together with the settlement of this one.
            return 0 if inbox.unacked.holds(inbox.leases.exclusive) else self.queue_options.group_max
        limit = self.qos.prefetch_count
        return min(TAKEN_AT_ONCE, limit - len(inbox.unacked)) if limit else TAKEN_AT_ONCE

    def _may_take(self, inbox: Inbox) -> bool:
        return any(self._room(inbox, state) > 0 for state in self._states.values())

    def _take_all(self, inbox: Inbox, until: float) -> bool:
        """Take messages while there are any: at least one, and no more after the time ``until``; return
        whether that time ended it.
        """
        while True:
            now = time.monotonic()
            state = next(
                (s for s in self._states.values() if s.ready(now) and self._room(inbox, s) > 0), None
            )
            if state is None:
                return False
            # To the end of the order, so that each queue gets its turn.
            queue = state.keys.queue
            self._states[queue] = self._states.pop(queue)
            group = inbox.exchange(state, self._room(inbox, state))
            if group is not None:
                self._busy = True
                self._hand_over(group)
            else:
                self._armed = False
            if now >= until and state.ready(now):
                return True

    def _hand_over(self, group: Group) -> None:
        for delivery in group.deliveries:
            envelope = parse_envelope(delivery.raw, self.queue_options.limits)
            if isinstance(envelope, Unreadable):
                delivery.park(envelope.reason, envelope.detail)
                continue
            delivery.envelope = envelope
            delivery.redelivered = delivery.redelivered or envelope.redelivered
        if not group.unsettled:
            return
        try:
            self._receivers[group.queue](group)
        except Exception:
            # A group that nobody works on would hold up its queue.
            group.give_back()
            raise
