"""A subscriber of ``plugin.events``: at least once to a handler, in the order of each subject's revisions.

It reads with a consumer group, takes over what another consumer of the group left behind before it reads
anything newer, drops what the group has handled already, and tells of gaps. The position and the last
revisions are kept in Redis beside the group, so a restarted subscriber goes on where it was.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from contracts._client.entries import Event, UnreadableEvent, entries_of, read_event, text_of
from contracts._redis.outage import is_redis_outage
from contracts.events import STREAM

__all__ = ["Event", "Gap", "Handler", "Subscriber", "UnreadableEvent", "entries_of", "read_event"]

_log = logging.getLogger(__name__)

_STARTS = {"beginning": "0", "now": "$"}
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Gap:
    """A jump in a subject's revisions: the events between ``last`` and ``next`` were not seen. Ask
    ``plugin.get`` for the state in between.
    """

    type: str
    subject: str
    last: int
    next: int


Handler = Callable[[Event], None]


class Subscriber:
    """Delivers events to ``handler``.

    ``group`` names who subscribes: each group gets every event. ``consumer`` names this process in it; where
    order matters a group has one active consumer. ``start`` counts only for a new group: ``beginning``,
    ``now``, or the id of a stream entry, behind which it starts; a group that this subscriber has read with
    and that was lost with its Redis starts at the beginning. ``idle_s`` is how long another consumer's
    unacknowledged events are left to it; nothing newer is read meanwhile. ``on_gap`` is told of every jump,
    before the handler sees the event behind it. ``on_unreadable`` gets entries that are no events (default:
    ``poll`` raises ``UnreadableEvent``).

    A handler that raises leaves its event unacknowledged; it is delivered again on the next ``poll``, before
    anything newer.
    """

    def __init__(
        self,
        client: Any,
        group: str,
        consumer: str,
        handler: Handler,
        *,
        start: str = "beginning",
        stream: str = STREAM,
        idle_s: float = 30.0,
        count: int = 100,
        on_gap: Callable[[Gap], None] | None = None,
        on_unreadable: Callable[[str, dict[bytes, bytes]], None] | None = None,
    ) -> None:
        self._redis = client
        self._group = group
        self._consumer = consumer
        self._handler = handler
        self._start = _STARTS.get(start, start)
        self._stream = stream
        self._idle_ms = int(idle_s * 1000)
        self._count = count
        self._on_gap = on_gap
        self._on_unreadable = on_unreadable
        self._seen = f"{stream}:seen:{group}"
        self._was_there = False
        self._handled: tuple[str, str, int] | None = None
        self._raised: Exception | None = None

    def join(self) -> None:
        """Create the group if there is none yet."""
        # A group that was there, or has handled events, was lost with its Redis: what repairs the loss may be
        # on the stream already. What the group is still known to have handled is dropped again.
        start = "0" if self._was_there or self._redis.exists(self._seen) else self._start
        try:
            self._redis.xgroup_create(self._stream, self._group, id=start, mkstream=True)
        except redis.ResponseError as fault:
            if not str(fault).startswith("BUSYGROUP"):
                raise
        self._was_there = True

    def run(self, stop: Callable[[], bool] = lambda: False, block_s: float = 1.0) -> None:
        """Deliver until ``stop`` says so, asked every ``block_s``.

        A Redis that is away, or refuses writes for now, is waited for, and that is logged. What the handler,
        ``on_gap`` or ``on_unreadable`` raises ends it, whatever it is: an outage of a Redis of their own too.
        """
        away = False
        while not stop():
            try:
                self.poll(block_s)
            except redis.RedisError as fault:
                if fault is self._raised or not is_redis_outage(fault):
                    raise
                if not away:
                    _log.warning("group %s waits for its Redis: %s", self._group, fault)
                away = True
                time.sleep(min(block_s, 1.0))
            else:
                if away:
                    _log.info("the Redis of group %s answers again", self._group)
                away = False

    def poll(self, block_s: float = 0.0) -> int:
        """Deliver what there is; returns how many events the handler has seen. Waits up to ``block_s`` for a
        first one.
        """
        try:
            handled = self._catch_up()
            while others := self._others_have_some():
                if not self._take_over():
                    break
                handled += self._catch_up()
            if others:
                # Newer events would overtake theirs, which then look like ones that were handled already.
                time.sleep(0 if handled else min(block_s, _LOOK_S))
                return handled
            if self._take_new(0 if handled else block_s):
                handled += self._catch_up()
            return handled
        except redis.ResponseError as fault:
            if fault is self._raised or not str(fault).startswith("NOGROUP"):
                raise
            self.join()
            return 0

    def _catch_up(self) -> int:
        """Deliver all that this consumer was given and did not acknowledge, the oldest first.

        Nothing else is delivered, not what Redis answers when it gives: where such an answer is lost,
        redis-py asks again, and is answered with what comes behind the first.
        """
        handled = 0
        while rows := self._read("0", None):
            handled += self._drain(rows)
        return handled

    def _take_new(self, block_s: float) -> bool:
        """Be given what no consumer has been given yet; whether there was any."""
        return bool(self._read(">", int(block_s * 1000) or None))

    def _read(self, start: str, block_ms: int | None) -> list[Any]:
        found = self._redis.xreadgroup(
            self._group, self._consumer, {self._stream: start}, count=self._count, block=block_ms
        )
        self._was_there = True
        return entries_of(found)

    def _take_over(self) -> bool:
        """Be given what other consumers have left behind for ``idle_s``, the oldest first; whether there was
        any.
        """
        claimed = self._redis.xautoclaim(
            self._stream,
            self._group,
            self._consumer,
            min_idle_time=self._idle_ms,
            start_id="0-0",
            count=self._count,
            justid=True,
        )
        return bool(claimed)

    def _others_have_some(self) -> bool:
        """Whether events were given to other consumers and not acknowledged."""
        consumers = self._redis.xpending(self._stream, self._group)["consumers"] or []
        return any(text_of(consumer["name"]) != self._consumer for consumer in consumers)

    def _drain(self, rows: list[Any]) -> int:
        handled = 0
        for entry, fields in rows:
            # An entry without fields was trimmed off the stream while it waited here.
            handled += bool(fields) and self._deliver(text_of(entry), fields)
            self._redis.xack(self._stream, self._group, entry)
        return handled

    def _deliver(self, entry: str, fields: dict[bytes, bytes]) -> bool:
        """Hand one event to the handler; False where the group has handled it before."""
        try:
            event = read_event(entry, fields)
        except UnreadableEvent:
            if self._on_unreadable is None:
                raise
            with self._not_ours():
                self._on_unreadable(entry, fields)
            return False
        key = f"{event.type}|{event.subject}"
        last = int(self._redis.hget(self._seen, key) or 0)
        if event.revision <= last:
            return False
        this = (entry, key, event.revision)
        if this != self._handled:
            with self._not_ours():
                if self._on_gap and last and event.revision != last + 1:
                    self._on_gap(Gap(event.type, event.subject, last, event.revision))
                self._handler(event)
            # A Redis that takes no note of it for now gives it again, as often as it is asked.
            self._handled = this
        self._redis.hset(self._seen, key, event.revision)
        return True

    @contextmanager
    def _not_ours(self) -> Iterator[None]:
        """Keep what is raised apart from the errors of the subscriber's own Redis: types may be equal."""
        try:
            yield
        except Exception as fault:
            self._raised = fault
            raise
