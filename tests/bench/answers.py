"""Waits for the answers to commands that were sent, and measures how many come in which time."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.load import Message, push
from tests.bench.servers import BenchError, Servers, processor_s
from tests.support.servers import ChildProcess

KEY = "celery-task-meta-"
"""An answer's key in Redis is this and the command id."""
_WARM = 0.1
"""The share of the commands that is not measured: the worker gets warm."""
_STALLED_S = 60.0
_LOOK_S = 0.005


@dataclass(frozen=True)
class Window:
    """How many commands were answered in which time, and how much of a core each process used."""

    answered: int
    seconds: float
    busy: Mapping[str, float]

    @property
    def per_s(self) -> float:
        return self.answered / self.seconds


class Answers:
    """The answers to ``sent``, which ``workers`` (at least one) are to give."""

    def __init__(self, servers: Servers, workers: Sequence[ChildProcess], sent: Sequence[Message]) -> None:
        self._servers = servers
        self._workers = workers
        self._keys = [KEY + each.command_id for each in sent]

    def wait(self, at_least: int) -> tuple[int, float]:
        """Wait for so many answers; return how many there are, and when that was.

        Raises: ``BenchError`` if no more answers come.
        """
        redis, seen, changed = self._servers.redis, -1, time.monotonic()
        while True:
            # Cheap, and never less than the number of answers.
            if (keys := int(redis.dbsize())) >= at_least:
                found = int(redis.exists(*self._keys))
                if found >= at_least:
                    return found, time.perf_counter()
            if keys != seen:
                seen, changed = keys, time.monotonic()
            self._check(time.monotonic() - changed)
            time.sleep(_LOOK_S)

    def _check(self, stalled_s: float) -> None:
        for worker in self._workers:
            if not worker.running:
                raise BenchError(f"{worker.name} ended with status {worker.returncode}:\n{worker.tail()}")
        if stalled_s > _STALLED_S:
            raise BenchError(f"no answer for {stalled_s:.0f} s:\n{self._workers[0].tail()}")

    def _busy_s(self) -> dict[str, float]:
        return {"worker": sum(processor_s(worker.pid) for worker in self._workers), **self._servers.busy_s()}

    def drain(self) -> Window:
        """Measure while a queue that was full at the start becomes empty, behind the first tenth."""
        return self._measure(*self.wait(math.ceil(_WARM * len(self._keys))))

    def flow(self, sent: Sequence[Message]) -> Window:
        """Push the messages to workers that wait, and measure until the last one is answered."""
        begun = time.perf_counter()
        busy = self._busy_s()
        push(self._servers.redis, sent)
        return self._measure(0, begun, busy)

    def _measure(self, first: int, begun: float, busy: Mapping[str, float] | None = None) -> Window:
        before = busy or self._busy_s()
        last, ended = self.wait(len(self._keys))
        seconds = ended - begun
        if last == first:
            raise BenchError("all commands were answered at once: more are needed")
        used = {name: (value - before[name]) / seconds for name, value in self._busy_s().items()}
        return Window(last - first, seconds, used)


def drain(servers: Servers, workers: Sequence[ChildProcess], sent: Sequence[Message]) -> Window:
    """Measure workers that have just been started on a queue with ``sent``."""
    return Answers(servers, workers, sent).drain()


def flow(servers: Servers, workers: Sequence[ChildProcess], sent: Sequence[Message]) -> Window:
    """Push ``sent`` to workers that are ready and wait, and measure until the last one is answered."""
    return Answers(servers, workers, sent).flow(sent)


def settle(servers: Servers, workers: Sequence[ChildProcess], sent: Sequence[Message]) -> None:
    """Push ``sent``, and wait until all is answered: sets the scene, or makes a worker warm."""
    push(servers.redis, sent)
    Answers(servers, workers, sent).wait(len(sent))


def forget(servers: Servers, sent: Sequence[Message]) -> None:
    """Remove the answers, as a caller does."""
    servers.redis.unlink(*(KEY + each.command_id for each in sent))


def check_events(servers: Servers, expected: int) -> None:
    """Check that each command had its one event. Raises ``BenchError``."""
    if (found := servers.events()) != expected:
        raise BenchError(f"{expected} events were to come, {found} came: commands were refused or lost")
