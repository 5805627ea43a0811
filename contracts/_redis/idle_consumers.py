"""The consumers of a group as which no process reads any more: they stay in Redis until they are removed.

Each is removed in one transaction that also says what it had just then. A consumer that is not gone after all
may get entries at that very moment. They would be lost with it, so they are claimed again. This needs no
script: who may run scripts may hold Redis up.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import redis

from contracts._client.entries import text_of
from contracts._redis.outage import redis_outage

logger = logging.getLogger(__name__)

_ALL = 2**31 - 1


class IdleConsumers:
    """Removes the consumers of a group that have been idle for long and have no unacknowledged entries.

    ``client``: a redis-py client. ``own``: the consumer that removes the others, and stays. ``idle_s``: how
    long a consumer has not asked for anything, in seconds; they are also looked for so often. None: none is
    removed. ``clock``: seconds, never set back. Default: ``time.monotonic``.
    """

    def __init__(
        self,
        client: Any,
        stream: str,
        group: str,
        own: str,
        idle_s: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = client
        self._stream = stream
        self._group = group
        self._own = own
        self._idle_s = idle_s
        self._clock = clock
        self._next = clock()
        self._told = False

    def remove(self) -> None:
        """Remove them, if it is time to look. A right that is missing is told once: the group goes on."""
        now = self._clock()
        if self._idle_s is None or now < self._next:
            return
        self._next = now + self._idle_s
        try:
            removed = sum(self._remove(name) for name in self._gone(self._idle_s * 1000))
        except redis.RedisError as error:
            outage = redis_outage(error, "")
            if outage.state != "no_right":
                raise
            if not self._told:
                logger.warning("consumers that are gone stay in the group %s: %s", self._group, outage.text)
                self._told = True
            return
        if removed:
            logger.info("removed %d consumers that were gone from the group %s", removed, self._group)

    def _gone(self, idle_ms: float) -> list[str]:
        found = self._redis.xinfo_consumers(self._stream, self._group)
        return [
            name
            for consumer in found
            if (name := text_of(consumer["name"])) != self._own
            and not consumer["pending"]
            and consumer["idle"] >= idle_ms
        ]

    def _remove(self, name: str) -> bool:
        """Remove one; return False if it got entries meanwhile, which this consumer then has."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.xpending_range(self._stream, self._group, "-", "+", _ALL, consumername=name)
            pipe.xgroup_delconsumer(self._stream, self._group, name)
            pending, _ = pipe.execute()
        if pending:
            entries = [entry["message_id"] for entry in pending]
            self._redis.xclaim(self._stream, self._group, self._own, 0, entries, force=True, justid=True)
        return not pending
