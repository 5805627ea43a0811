"""Dead messages: parked in Redis, and their way out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from redis import Redis

from worker.transport.keys import poison_key


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """One message that is parked in Redis.

    ``id``: the same every time the element is read, so that a sink can store it once.
    ``reason``, ``detail``: why it was parked.
    ``deaths``: how many processes ended while they were applying it.
    ``raw``: the element as it was on its list.
    """

    id: str
    queue: str
    reason: str
    detail: str
    parked_at: datetime
    deaths: int
    raw: bytes


Sink = Callable[[DeadMessage], None]


def drain_dead_messages(client: "Redis", queue: str, sink: Sink, limit: int = 100) -> int:
    """Pass up to ``limit`` dead messages of ``queue``, oldest first, to ``sink``, and return their number.

    An element leaves Redis after ``sink`` has returned, and by its value, so several processes may drain at
    once. Each may then get an element that another one has stored: the sink must store by ``id``. If the sink
    raises, the drain ends and the element stays.

    ``client``: must not decode responses.
    """
    key = poison_key(queue)
    drained = 0
    while drained < limit:
        element = client.lindex(key, -1)
        if element is None:
            break
        sink(_read(queue, bytes(element)))  # type: ignore[arg-type]  # redis-py types sync and async as one
        client.lrem(key, -1, element)  # type: ignore[arg-type]
        drained += 1
    return drained


def _read(queue: str, element: bytes) -> DeadMessage:
    identity = sha256(queue.encode() + b"\n" + element).hexdigest()
    try:
        reason, at, deaths, detail, raw = element.split(b"\n", 4)
        return DeadMessage(
            id=identity,
            queue=queue,
            reason=reason.decode("utf-8", "replace"),
            detail=detail.decode("utf-8", "replace"),
            # Behind the time is the parking's own mark.
            parked_at=datetime.fromtimestamp(int(at.split()[0]) / 1000, UTC),
            deaths=int(deaths),
            raw=raw,
        )
    except (ValueError, IndexError, OverflowError, OSError):
        # The scripts did not write it. It must not block those that they wrote.
        return DeadMessage(identity, queue, "foreign_element", "", datetime.now(UTC), 0, element)
