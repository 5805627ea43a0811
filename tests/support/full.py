"""A Redis that something else fills, and what it has of its memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import OutOfMemoryError

_BUFFERS = 4_000_000
"""More bytes than the buffers of all connections may have now and have no more in the next moment."""


class Junk:
    """Keys that others set, until not even a small one is taken any more, and whenever there is room again."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._count = 0
        self._limit = _limit(redis)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep_full, daemon=True)

    def fill(self) -> None:
        """Returns when there is no room, and none comes about by itself."""
        while self._add():
            pass
        self._redis.config_set("maxmemory", self._limit - _BUFFERS)
        self._thread.start()

    def clear(self) -> None:
        """Delete them all."""
        self.stop()
        self._redis.config_set("maxmemory", self._limit)
        for at in range(0, self._count, 500):
            self._redis.delete(*(f"junk:{n}" for n in range(at, min(at + 500, self._count))))

    def stop(self) -> None:
        """Set no more of them."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep_full(self) -> None:
        while not self._done.wait(0.005):
            self._add()

    def _add(self) -> int:
        before = self._count
        for size in (1_000_000, 100_000, 10_000, 1_000, 10):
            with suppress(OutOfMemoryError):
                while True:
                    self._redis.set(f"junk:{self._count}", bytes(size))
                    self._count += 1
        return self._count - before


def used(redis: Redis) -> int:
    """How many bytes Redis has."""
    return int(redis.info("memory")["used_memory"])


def _limit(redis: Redis) -> int:
    return int(redis.info("memory")["maxmemory"])


class Peak:
    """The most that Redis had of its memory, as a share, and how often it refused something for want of it."""

    def __init__(self) -> None:
        self.share = 0.0
        self.refused = 0


@contextmanager
def watched(redis: Redis) -> Iterator[Peak]:
    """Look at Redis's memory all the time."""
    peak, done = Peak(), threading.Event()
    limit = _limit(redis)
    refused = _refusals(redis)

    def watch() -> None:
        while not done.wait(0.01):
            peak.share = max(peak.share, used(redis) / limit)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
        peak.refused = _refusals(redis) - refused


def _refusals(redis: Redis) -> int:
    return int(redis.info("errorstats").get("errorstat_OOM", {}).get("count", 0))
