"""How large the stream may be."""

import logging
import time
from collections.abc import Callable
from typing import Any

import redis

from worker.events.memory import Memory

logger = logging.getLogger(__name__)

DEFAULT_BYTES = 1024**3
"""The most bytes where neither a setting nor Redis says how many it has."""

_SHARE = 4
_MOST_SHARE = 2
_AGAIN_S = 30.0
_LEAST = 1024**2
"""A ``maxmemory`` below that is no size, but a way to stop writes: nothing is trimmed for it."""


class StreamLimits:
    """The limits that the stream is trimmed to.

    ``client``: a redis-py client. ``maxlen``: entries, approximately. ``max_bytes``: bytes; default a quarter
    of Redis's ``maxmemory``, or 1 GiB where it has none or does not tell. More than half of ``maxmemory`` it
    never is. ``clock``: seconds, never set back.
    """

    def __init__(
        self,
        client: Any,
        maxlen: int,
        max_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.maxlen = maxlen
        self._redis = client
        self._wanted = max_bytes
        self._clock = clock
        self._bytes = max_bytes or DEFAULT_BYTES
        self._asked_at: float | None = None

    def max_bytes(self) -> int:
        """Return the most bytes. Every 30 s Redis is asked anew: its ``maxmemory`` may change, or another
        Redis may be in its place.

        Raises: redis-py's errors if it does not answer.
        """
        if self._asked_at is None or self._clock() - self._asked_at >= _AGAIN_S:
            self._bytes = self._ask()
            self._asked_at = self._clock()
        return self._bytes

    def _ask(self) -> int:
        try:
            memory = Memory.of(self._redis.info("memory")).limit
        except redis.ResponseError as error:
            # A right that is missing, or a Redis without INFO: what was known, or the default, holds.
            if self._asked_at is None:
                logger.info("Redis does not tell its maxmemory (%s): events get %d bytes", error, self._bytes)
            return self._bytes
        if memory < _LEAST:
            return self._wanted or DEFAULT_BYTES
        return min(self._wanted or memory // _SHARE, memory // _MOST_SHARE)
