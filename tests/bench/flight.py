"""Keeps so many commands in flight, and measures each from its sending to its answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Self

from redis import Redis

from tests.bench.answers import KEY
from tests.bench.figures import percentile
from tests.bench.load import Message, push
from tests.bench.servers import BenchError

_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Flight:
    """The time of it all, and that of each command, in the order of the answers, in seconds."""

    seconds: float
    took: Sequence[float]

    @property
    def per_s(self) -> float:
        return len(self.took) / self.seconds

    def ms(self, share: float) -> float:
        """Return a percentile in milliseconds."""
        return 1_000 * percentile(self.took, share)


class Pilot:
    """Sends commands, and hears of their answers as any client of Celery does: a backend announces them.

    A context manager: it subscribes to the answers.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._announced: Any = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis-py does not type it

    def __enter__(self) -> Self:
        self._announced.psubscribe(f"{KEY}*")
        self._announced.get_message(timeout=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._announced.close()

    def fly(self, sent: Sequence[Message], in_flight: int) -> Flight:
        """Send all of ``sent``, never more than ``in_flight`` of them before an answer has come.

        Raises: ``BenchError`` if no answer comes.
        """
        waiting = iter(sent)
        under_way: dict[str, float] = {}
        took: list[float] = []
        begun = time.perf_counter()
        while len(took) < len(sent):
            self._send(list(islice(waiting, in_flight - len(under_way))), under_way)
            for command_id, at in self._answered():
                # An answer that is announced a second time is none.
                if (since := under_way.pop(command_id, None)) is not None:
                    took.append(at - since)
        return Flight(time.perf_counter() - begun, took)

    def _send(self, messages: Sequence[Message], under_way: dict[str, float]) -> None:
        now = time.perf_counter()
        under_way |= {each.command_id: now for each in messages}
        if messages:
            push(self._redis, messages)

    def _answered(self) -> list[tuple[str, float]]:
        """Wait for an answer; return it with its time."""
        # One at a time, and never without waiting: redis-py raises if only a part of one is there.
        announced = self._announced.get_message(timeout=_TIMEOUT_S)
        if announced is None:
            raise BenchError(f"no answer within {_TIMEOUT_S:g} s")
        return [(announced["channel"].decode().removeprefix(KEY), time.perf_counter())]
