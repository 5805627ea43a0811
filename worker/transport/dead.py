"""Dead messages: parked in Redis, and their way out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from redis import Redis

from worker.transport.keys import poison_key


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """One parked message: ``raw`` as it was on the list, why and when, and how many processes it had killed.

    ``id`` is the same however often the element is read, for a sink that must store it once.
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
    """Hands up to ``limit`` parked messages of ``queue``, oldest first, to ``sink``; returns how many.

    An element leaves Redis after ``sink`` has returned, and by its value: several processes may drain at
    once. Each may then see an element that another has stored, so the sink stores by ``id``. What the sink
    raises ends the drain and leaves the element where it is. ``client`` must not decode responses.
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
        # Not written by the scripts. It must not stand in the way of what is.
        return DeadMessage(identity, queue, "foreign_element", "", datetime.now(UTC), 0, element)
