"""The queues as operators see them: what waits, what is handed out, and who holds the lease."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from worker.transport.keys import PRIORITY_STEPS, QueueKeys


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One queue now.

    ``lengths``: messages that wait, by priority (0, 3, 6, 9). ``unacked``: messages that are handed out.
    ``parked``: parked messages. ``owner``: who holds the lease, None where nobody does.
    ``owned_for_s``: seconds until the lease ends. ``consumers``: those of a shared queue that are alive.
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
        """How many messages wait."""
        return sum(self.lengths.values())


def queue_statuses(client: Any, exclusive: Iterable[str], shared: Iterable[str]) -> list[QueueStatus]:
    """Return the status of each queue, the ``exclusive`` ones first.

    ``client``: a redis-py client that does not decode. Raises redis-py's errors.
    """
    kinds = {**dict.fromkeys(exclusive, True), **dict.fromkeys(shared, False)}
    every = [QueueKeys.of(queue) for queue in kinds]
    seconds, micros = client.time()
    now_ms, width = seconds * 1000 + micros // 1000, len(PRIORITY_STEPS) + 4
    pipe = client.pipeline(transaction=False)
    for keys in every:
        for name in keys.lists:
            pipe.llen(name)
        pipe.hlen(keys.unacked)
        pipe.llen(keys.poison)
        pipe.hmget(keys.lease, "owner", "until", "epoch")
        pipe.zrangebyscore(keys.consumers, f"({now_ms}", "+inf")
    replies = pipe.execute()
    return [
        _status(keys, kinds[keys.queue], replies[n * width : (n + 1) * width], now_ms)
        for n, keys in enumerate(every)
    ]


def waiting_lists(client: Any, queue: str) -> dict[str, int]:
    """Return the lists of ``queue``, one for each priority, that hold messages, with how many they hold."""
    return {name: length for name in QueueKeys.of(queue).lists if (length := client.llen(name))}


def any_parked(client: Any, queues: Iterable[str]) -> bool:
    """Return whether any of ``queues`` has parked messages; costs one command."""
    return bool(client.exists(*(QueueKeys.of(queue).poison for queue in queues)))


def _status(keys: QueueKeys, exclusive: bool, replies: list[Any], now_ms: int) -> QueueStatus:
    steps = len(PRIORITY_STEPS)
    unacked, parked, lease, consumers = replies[steps:]
    owner, until, epoch = lease
    left_s = (_whole(until) - now_ms) / 1000
    held = owner is not None and left_s > 0
    return QueueStatus(
        queue=keys.queue,
        exclusive=exclusive,
        lengths=dict(zip(PRIORITY_STEPS, replies[:steps], strict=True)),
        unacked=unacked,
        parked=parked,
        owner=owner.decode(errors="replace") if held else None,
        owned_for_s=max(0.0, left_s),
        epoch=_whole(epoch),
        consumers=tuple(name.decode(errors="replace") for name in consumers),
    )


def _whole(value: bytes | None) -> int:
    """Return a whole number, or 0: anyone who can write to Redis can put anything there."""
    return int(value) if value and len(value) <= 15 and value.isdigit() else 0
