"""Counts of what happens often, for a log that must stay short."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping


class Tally:
    """Counts by word, told seldom; the first count is told at once. Threads may share it.

    ``every_s``: the shortest time between two texts, in seconds, default 1. ``clock``: seconds, never set
    back.
    """

    def __init__(self, every_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._counts: Counter[str] = Counter()
        self._clock = clock
        self._told_at = float("-inf")
        self._lock = threading.Lock()

    def add(self, counts: Mapping[str, int]) -> None:
        """Count more of each word."""
        with self._lock:
            self._counts.update(counts)

    def take(self, *, at_once: bool = False) -> str:
        """Return what was counted since the last text, such as ``3: 2 deaths, 1 oversize``, and begin anew.

        Empty if there is nothing to tell, or if the last text is not old enough, unless ``at_once``.
        """
        with self._lock:
            counts = +self._counts
            if not counts or (not at_once and self._clock() - self._told_at < self._every_s):
                return ""
            self._told_at = self._clock()
            self._counts.clear()
        words = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
        return f"{counts.total()}: {words}"
