"""A subscriber of ``plugin.events``: delivers each event at least once, in the order of each subject's
revisions.

It reads with a consumer group. It takes over the events that another consumer of the group left
unacknowledged before it reads newer ones, skips events that the group has handled already, and reports gaps.
The last entry read, and the last revision of each subject, are kept in Redis. So a restarted subscriber goes
on where it stopped.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from contracts._client.entries import Event, UnreadableEvent, entries_of, read_event, text_of
from contracts._redis.idle_consumers import IdleConsumers
from contracts._redis.outage import is_redis_outage, redis_outage
from contracts._redis.waits import Waits
from contracts.events import STREAM

__all__ = ["Event", "Gap", "Handler", "Subscriber", "UnreadableEvent", "entries_of", "read_event"]

logger = logging.getLogger(__name__)

_STARTS = {"beginning": "0", "now": "$"}
_LOOK_S = 0.2
_AWAY = "it does not answer"


@dataclass(frozen=True, slots=True)
class Gap:
    """A jump in a subject's revisions: the events between ``last`` and ``next`` were not seen. Ask
    ``plugin.get`` for the present state.
    """

    type: str
    subject: str
    last: int
    next: int


Handler = Callable[[Event], None]
"""Called with each event."""


class Subscriber:
    """Delivers events to ``handler``.

    ``client``: a redis-py client of the events.
    ``group``: the name of the subscription; each group gets every event.
    ``consumer``: the name of this process in the group. If order matters, a group has one active consumer.
    ``start``: ``beginning``, ``now``, or the id of the stream entry after which to start. It applies only
    when the group is created; a group that this subscriber has read with, and that was lost with its Redis,
    starts at the beginning.
    ``stream``: the stream to read, default ``plugin.events``.
    ``idle_s``: leave another consumer's unacknowledged events to it for this many seconds, default 30; no
    newer event is read meanwhile.
    ``forget_s``: remove other consumers of the group that have been idle for this many seconds, and have no
    unacknowledged events; default 3,600; None: keep them. One that is not gone comes back when it reads.
    ``count``: how many entries to read at once, default 100.
    ``on_gap``: called with every gap, before the handler gets the event behind it.
    ``on_unreadable``: called with the id and the fields of an entry that is not an event; default: ``poll``
    raises ``UnreadableEvent``.

    If the handler raises, the event stays unacknowledged and is delivered again at the next ``poll``, before
    any newer one.
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
        forget_s: float | None = 3_600.0,
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
        self._idle = IdleConsumers(client, stream, group, consumer, forget_s)
        self._was_there = False
        self._handled: tuple[str, str, int] | None = None
        self._raised: Exception | None = None

    def join(self) -> None:
        """Create the group, unless it exists."""
        # If this subscriber has read with the group before, then Redis has lost the group. The events that
        # repair the loss may be on the stream already, so the new group starts at the beginning. Events that
        # the group has handled are skipped by their revisions.
        start = "0" if self._was_there or self._redis.exists(self._seen) else self._start
        try:
            self._redis.xgroup_create(self._stream, self._group, id=start, mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._was_there = True

    def run(self, stop: Callable[[], bool] = lambda: False, block_s: float = 1.0) -> None:
        """Deliver events until ``stop`` returns True; it is asked every ``block_s`` seconds.

        While Redis is away, or refuses writes or this user, ``run`` waits, and logs that once a minute.
        Errors that the handler, ``on_gap`` or ``on_unreadable`` raise end it, even an outage of a Redis of
        their own.
        """
        waits = Waits(logger)
        while not stop():
            try:
                self.poll(block_s)
            except redis.RedisError as error:
                if error is self._raised or not is_redis_outage(error):
                    raise
                waits.tell(
                    f"group {self._group} waits for its Redis",
                    redis_outage(error, _AWAY, (self._stream, self._seen)),
                )
                time.sleep(min(block_s, 1.0))
            else:
                if waits.over():
                    logger.info("the Redis of group %s answers again", self._group)

    def poll(self, block_s: float = 0.0) -> int:
        """Deliver the events that are there, and return how many the handler got.

        ``block_s``: how long to wait for a first event, in seconds.
        """
        try:
            handled = self._catch_up()
            while others := self._others_have_some():
                if not self._take_over():
                    break
                handled += self._catch_up()
            if others:
                # A newer event must not be handled first: the older ones would then be skipped as handled.
                time.sleep(0 if handled else min(block_s, _LOOK_S))
                return handled
            if self._take_new(0 if handled else block_s):
                handled += self._catch_up()
            self._idle.remove()
            return handled
        except redis.ResponseError as error:
            if error is self._raised or not str(error).startswith("NOGROUP"):
                raise
            self.join()
            return 0

    def _catch_up(self) -> int:
        """Deliver the events that this consumer got and did not acknowledge, oldest first.

        Every event is delivered this way, never from the answer that first carried it: if such an answer is
        lost, redis-py asks again and gets the entries behind it.
        """
        handled = 0
        while rows := self._read("0", None):
            handled += self._drain(rows)
        return handled

    def _take_new(self, block_s: float) -> bool:
        """Get entries that no consumer has got yet; return whether there were any."""
        return bool(self._read(">", int(block_s * 1000) or None))

    def _read(self, start: str, block_ms: int | None) -> list[Any]:
        found = self._redis.xreadgroup(
            self._group, self._consumer, {self._stream: start}, count=self._count, block=block_ms
        )
        self._was_there = True
        return entries_of(found)

    def _take_over(self) -> bool:
        """Get the entries that other consumers have left unacknowledged for ``idle_s``, oldest first; return
        whether there were any.
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
        """Return whether other consumers have unacknowledged events."""
        consumers = self._redis.xpending(self._stream, self._group)["consumers"] or []
        return any(text_of(consumer["name"]) != self._consumer for consumer in consumers)

    def _drain(self, rows: list[Any]) -> int:
        handled = 0
        for entry, fields in rows:
            # An entry without fields was removed from the stream before it was handled.
            handled += bool(fields) and self._deliver(text_of(entry), fields)
            self._redis.xack(self._stream, self._group, entry)
        return handled

    def _deliver(self, entry: str, fields: dict[bytes, bytes]) -> bool:
        """Call the handler with one event; return False if the group has handled it before."""
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
            # If Redis refuses the next write, it delivers this event again: the handler gets it once.
            self._handled = this
        self._redis.hset(self._seen, key, event.revision)
        return True

    @contextmanager
    def _not_ours(self) -> Iterator[None]:
        """Remember an error of the handler, to tell it from an error of the subscriber's own Redis: both may
        have the same type.
        """
        try:
            yield
        except Exception as error:
            self._raised = error
            raise
