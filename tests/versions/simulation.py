"""Threads that live in simulated time: a sleep ends when every other thread sleeps too."""

import heapq
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from worker.domain.clock import Clock


class Over(BaseException):
    """Raised in the threads that still sleep when the simulation ends."""


class Simulation:
    """A clock that jumps from one event to the next. Its threads run one at a time."""

    def __init__(self, start: datetime) -> None:
        self.now = start
        self._lock = threading.Lock()
        self._awake = 0
        self._sleeping: list[tuple[datetime, int, threading.Event]] = []
        self._count = 0
        self._threads: list[threading.Thread] = []
        self._over = False
        self._done = threading.Event()
        self._end = start
        self.errors: list[BaseException] = []

    @property
    def clock(self) -> Clock:
        """The simulated time as a clock."""
        return Clock(now=lambda: self.now, monotonic=self.timestamp, sleep=self.sleep)

    def timestamp(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        woken = threading.Event()
        with self._lock:
            self._push(seconds, woken)
            self._awake -= 1
            self._advance()
        woken.wait()
        if self._over:
            raise Over

    def spawn(self, work: Callable[[], object]) -> None:
        """Run ``work`` in a thread of its own, from the present moment on."""
        woken = threading.Event()

        def run() -> None:
            woken.wait()
            try:
                if not self._over:
                    work()
            except Over:
                return
            except BaseException as error:
                self.errors.append(error)
            finally:
                with self._lock:
                    self._awake -= 1
                    self._advance()

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
        with self._lock:
            self._push(0, woken)

    def run(self, seconds: float) -> None:
        """Let the threads run for that long; what sleeps then goes on in the next run."""
        self._done.clear()
        with self._lock:
            self._end = self.now + timedelta(seconds=seconds)
            self._advance()
        self._done.wait()
        if self.errors:
            raise self.errors[0]

    def close(self) -> None:
        """End every thread that is left."""
        with self._lock:
            self._over = True
            sleeping, self._sleeping = self._sleeping, []
            self._awake += len(sleeping)
        for _, _, woken in sleeping:
            woken.set()
        for thread in self._threads:
            thread.join(30)

    def _push(self, seconds: float, woken: threading.Event) -> None:
        self._count += 1
        heapq.heappush(self._sleeping, (self.now + timedelta(seconds=seconds), self._count, woken))

    def _advance(self) -> None:
        if self._awake or self._over:
            return
        if not self._sleeping or self._sleeping[0][0] > self._end:
            self.now = self._end
            self._done.set()
            return
        at, _, woken = heapq.heappop(self._sleeping)
        self.now = max(self.now, at)
        self._awake += 1
        woken.set()
