"""The Redis of the commands, as tools see it: queues, leases, parked messages, the number of partitions."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from contracts._redis.unavailable import redis_away
from contracts.errors import Unavailable
from contracts.partition import COMMANDS, QUERIES, VERSIONS, command_queues
from worker.transport import DeadMessage, drain_dead_messages
from worker.transport.keys import PRIORITY_STEPS, SEPARATOR, QueueKeys

logger = logging.getLogger(__name__)

PARTITIONS = f"{COMMANDS}:partitions"
"""The Redis key of the number of partitions that every process has to agree on."""

_DRAINED_AT_ONCE = 200
_AFTER_OUTAGE_S = 2.0
_AFTER_FAULT_S = 30.0

_NUMBERED = re.compile(rf"({re.escape(COMMANDS)}\.[0-9]+)({SEPARATOR}[0-9]|:[a-z]+)?".encode())

# KEYS: the number of partitions, how many of the next ones must not exist, those, then leases.
# ARGV: the new number, how many keys must not exist. Returns the first key in the way, or ''.
_SET_PARTITIONS = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
for i = 2, #KEYS do
  if i - 1 <= tonumber(ARGV[2]) then
    if redis.call('EXISTS', KEYS[i]) == 1 then return KEYS[i] end
  else
    local lease = redis.call('HMGET', KEYS[i], 'owner', 'until')
    if lease[1] and tonumber(lease[2] or 0) > ms then return KEYS[i] end
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return ''
"""


class BrokerUnavailable(Unavailable):
    """Raised when the Redis of the commands does not answer. Never answered to a caller: a write waits."""

    code = "STORE_UNAVAILABLE"


def broker_away() -> AbstractContextManager[None]:
    """Raise ``BrokerUnavailable`` in place of redis-py's errors that mean that Redis is away; let any other
    through.
    """
    return redis_away(BrokerUnavailable, "the Redis of the commands does not answer")


class InUse(Exception):
    """Raised when the number of partitions cannot be changed now; ``key`` is the Redis key in the way."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue now: ``lengths`` by priority (0, 3, 6, 9); the ``owner`` of its lease, None where nobody
    holds it, and the seconds left; the ``consumers`` of a shared queue that are alive.
    """

    queue: str
    exclusive: bool
    lengths: dict[int, int]
    unacked: int
    parked: int
    owner: str | None
    owned_for_s: float
    epoch: int
    consumers: tuple[str, ...]

    @property
    def waiting(self) -> int:
        return sum(self.lengths.values())


class Broker:
    """``client`` is a redis-py client that does not decode. Raises ``BrokerUnavailable``."""

    def __init__(self, client: Any) -> None:
        self._redis = client

    def partitions(self) -> int | None:
        """The number of partitions in force; None before the first worker has started."""
        with broker_away():
            kept = self._redis.get(PARTITIONS)
        return int(kept) if kept else None

    def agreed(self, number: int) -> int:
        """The number of partitions in force: ``number`` from now on where a Redis that lost it knows none."""
        kept = self.partitions()
        if kept is None:
            with broker_away():
                self._redis.set(PARTITIONS, number, nx=True)
            kept = self.partitions()
        return number if kept is None else kept

    def push(self, queue: str, raw: bytes) -> None:
        """Add a message to the end of a queue."""
        with broker_away():
            self._redis.lpush(queue, raw)

    def states(self, partitions: int) -> list[QueueState]:
        """Every queue of a deployment with so many partitions."""
        exclusive = command_queues(partitions)
        every = [QueueKeys.of(queue) for queue in [*exclusive, QUERIES, VERSIONS]]
        with broker_away():
            seconds, micros = self._redis.time()
            pipe = self._redis.pipeline(transaction=False)
            for keys in every:
                for name in keys.lists:
                    pipe.llen(name)
                pipe.hlen(keys.unacked)
                pipe.llen(keys.poison)
                pipe.hmget(keys.lease, "owner", "until", "epoch")
                pipe.zrangebyscore(keys.consumers, f"({seconds * 1000 + micros // 1000}", "+inf")
            replies = pipe.execute()
        now_ms, width = seconds * 1000 + micros // 1000, len(PRIORITY_STEPS) + 4
        return [
            _state(keys, keys.queue in exclusive, replies[n * width : (n + 1) * width], now_ms)
            for n, keys in enumerate(every)
        ]

    def stray_queues(self, partitions: int) -> list[str]:
        """The queues of commands outside a deployment with so many partitions of which Redis has a key."""
        with broker_away():
            keys = [_NUMBERED.fullmatch(key) for key in self._redis.scan_iter(f"{COMMANDS}.*", count=1000)]
        return sorted({key[1].decode() for key in keys if key} - set(command_queues(partitions)))

    def strays(self, partitions: int) -> dict[str, int]:
        """The lists of commands outside a deployment with so many partitions, each with what waits there."""
        names = [name for queue in self.stray_queues(partitions) for name in QueueKeys.of(queue).lists]
        with broker_away():
            return {name: length for name in names if (length := self._redis.llen(name))}

    def set_partitions(self, number: int) -> None:
        """Change the number of partitions, if no commands queue, of the old number, the new or any other, is
        in use. Raises ``InUse``.
        """
        before = self.partitions() or 1
        strays = self.stray_queues(max(before, number))
        every = dict.fromkeys([*command_queues(before), *command_queues(number), *strays])
        names = [QueueKeys.of(queue) for queue in every]
        empty = [key for keys in names for key in (*keys.lists, keys.unacked, keys.poison)]
        with broker_away():
            script = self._redis.register_script(_SET_PARTITIONS)
            in_the_way = script(
                keys=[PARTITIONS, *empty, *(keys.lease for keys in names)], args=[number, len(empty)]
            )
        if in_the_way:
            raise InUse(in_the_way.decode())

    def drain(self, queues: Iterable[str], sink: Callable[[DeadMessage], None]) -> int:
        """Hand every parked message of ``queues`` to ``sink``; returns how many. What ``sink`` raises ends it
        and loses nothing.
        """
        with broker_away():
            return sum(self._drain(queue, sink) for queue in queues)

    def _drain(self, queue: str, sink: Callable[[DeadMessage], None]) -> int:
        total = 0
        while count := drain_dead_messages(self._redis, queue, sink, limit=_DRAINED_AT_ONCE):
            total += count
        return total

    def any_parked(self, queues: Sequence[str]) -> bool:
        """Whether any of ``queues`` has parked messages: one command."""
        with broker_away():
            return bool(self._redis.exists(*(QueueKeys.of(queue).poison for queue in queues)))


class Drain:
    """Brings parked messages of ``queues`` into the store, again and again, beside a worker's sweep.

    Every commands worker does so for the queues that it consumes, and for the shared ones, which may have no
    such worker of their own. Several at once do no harm.
    """

    def __init__(
        self, broker: Callable[[], Broker], queues: Iterable[str], sink: Callable[[DeadMessage], None]
    ) -> None:
        self._broker = broker
        self._queues = list(dict.fromkeys([*queues, QUERIES, VERSIONS]))
        self._sink = sink
        self._not_before = 0.0

    def __call__(self) -> None:
        """Drain what there is. An outage leaves it where it is, for the next time, and is no trouble to
        whatever else the caller does.
        """
        if time.monotonic() < self._not_before:
            return
        try:
            broker = self._broker()
            for queue in self._queues if broker.any_parked(self._queues) else ():
                self._one(broker, queue)
        except Unavailable as outage:
            self._not_before = time.monotonic() + _AFTER_OUTAGE_S
            logger.info("parked messages stay in Redis for now: %s", outage.message)

    def _one(self, broker: Broker, queue: str) -> None:
        try:
            count = broker.drain([queue], self._sink)
        except Unavailable:
            raise
        except Exception:
            # A bug here must keep neither the other queues nor the sweep from their work.
            logger.exception("the parked messages of %s stay in Redis for now", queue)
            self._not_before = time.monotonic() + _AFTER_FAULT_S
            return
        if count:
            logger.warning("%d parked message(s) of %s are dead letters now", count, queue)


def _state(keys: QueueKeys, exclusive: bool, replies: list[Any], now_ms: int) -> QueueState:
    steps = len(PRIORITY_STEPS)
    unacked, parked, lease, consumers = replies[steps:]
    owner, until, epoch = lease
    left_s = (int(until or 0) - now_ms) / 1000
    held = owner is not None and left_s > 0
    return QueueState(
        queue=keys.queue,
        exclusive=exclusive,
        lengths=dict(zip(PRIORITY_STEPS, replies[:steps], strict=True)),
        unacked=unacked,
        parked=parked,
        owner=owner.decode() if held else None,
        owned_for_s=max(0.0, left_s),
        epoch=int(epoch or 0),
        consumers=tuple(name.decode() for name in consumers),
    )
