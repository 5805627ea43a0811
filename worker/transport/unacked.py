"""The messages in the hands of this process, and the settlements that Redis does not have yet."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from worker.lua import Argument, Call
from worker.transport import scripts
from worker.transport.delivery import Delivery
from worker.transport.keys import QueueKeys

_AT_ONCE = {"ack": 1000, "park": 256}
"""How many messages one call of the script forgets, or parks: a group may have as many. While it runs, Redis
serves nobody else.
"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of one delivery: ``ack``, ``back``, ``failed``, ``park`` or ``forward``, with its arguments."""

    delivery: Delivery
    action: str
    arguments: tuple[str, ...] = ()


class Unacked:
    """What was handed out to this process and is not settled in Redis. Threads may share it."""

    def __init__(self) -> None:
        self._held: dict[str, Delivery] = {}
        self._pending: deque[Settlement] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Note deliveries that were just handed out."""
        with self._lock:
            for delivery in deliveries:
                self._held[delivery.tag] = delivery

    def settle(self, settlement: Settlement) -> bool:
        """Queue a settlement; return False, and do nothing, if the delivery is settled already."""
        with self._lock:
            if not self._let_go(settlement.delivery):
                return False
            self._pending.append(settlement)
            return True

    def let_go(self, queue: str) -> None:
        """Forget the deliveries of a queue that was given away: others may have them by now."""
        with self._lock:
            for delivery in [held for held in self._held.values() if held.queue == queue]:
                self._let_go(delivery)

    @property
    def pending(self) -> list[Settlement]:
        """The settlements that Redis does not have yet, in order."""
        with self._lock:
            return list(self._pending)

    def sent(self, count: int) -> None:
        """Forget the first ``count`` pending settlements: Redis has them."""
        with self._lock:
            for _ in range(count):
                self._pending.popleft()

    def is_busy(self, queue: str) -> bool:
        """Return whether messages of ``queue`` are in hand, or their settlement is on its way."""
        with self._lock:
            known = [*self._held.values(), *(settlement.delivery for settlement in self._pending)]
        return any(delivery.queue == queue for delivery in known)

    def holds(self, queues: Iterable[str]) -> bool:
        """Return whether messages of any of ``queues`` are in hand."""
        wanted = frozenset(queues)
        with self._lock:
            return any(delivery.queue in wanted for delivery in self._held.values())

    def _let_go(self, delivery: Delivery) -> bool:
        if delivery.settled:
            return False
        delivery.settled = True
        self._held.pop(delivery.tag, None)
        return True


def settle_calls(owner: str, settlements: Sequence[Settlement]) -> list[tuple[list[Settlement], Call]]:
    """Return the calls that settle, in order, each with what it settles: acks of a queue that follow each
    other go together, and so do messages to park.
    """
    calls: list[tuple[list[Settlement], Call]] = []
    for (action, _), group in groupby(settlements, lambda each: (each.action, each.delivery.queue)):
        alike, most = list(group), _AT_ONCE.get(action, 1)
        for chunk in (alike[at : at + most] for at in range(0, len(alike), most)):
            calls.append((chunk, _call(owner, action, chunk)))
    return calls


def _call(owner: str, action: str, chunk: Sequence[Settlement]) -> Call:
    if action == "ack":
        return _ack(owner, chunk)
    return _park(owner, chunk) if action == "park" else _settlement(owner, chunk[0])


def _ack(owner: str, acks: Sequence[Settlement]) -> Call:
    keys = QueueKeys.of(acks[0].delivery.queue)
    new = [ack.delivery.tag for ack in acks if not ack.delivery.returned]
    returned = [ack.delivery.tag for ack in acks if ack.delivery.returned]
    return Call(
        scripts.ACK,
        [keys.lease, keys.unacked, keys.returned, keys.waiting],
        [owner, len(new), *new, *returned],
    )


def _park(owner: str, parks: Sequence[Settlement]) -> Call:
    keys = QueueKeys.of(parks[0].delivery.queue)
    arguments: list[Argument] = [owner]
    for park in parks:
        arguments += (
            park.delivery.tag,
            "1" if park.delivery.returned else "",
            *map(_one_line, park.arguments),
        )
    return Call(scripts.PARK, [keys.lease, keys.unacked, keys.returned, keys.waiting, keys.poison], arguments)


def _settlement(owner: str, settlement: Settlement) -> Call:
    delivery, action = settlement.delivery, settlement.action
    keys = QueueKeys.of(delivery.queue)
    target = QueueKeys.of(settlement.arguments[0]) if action == "forward" else keys
    return Call(
        scripts.SETTLE,
        [
            keys.lease,
            keys.unacked,
            keys.returned,
            keys.waiting,
            target.lists[0],
            target.returned,
        ],
        [
            owner,
            delivery.tag,
            action,
            "1" if delivery.returned else "",
            *map(_one_line, settlement.arguments),
        ],
    )


def _one_line(text: str) -> bytes:
    # Of a message, perhaps: half a character, which no connection can send, would stay pending for ever.
    return " ".join(text.split())[:500].encode("utf-8", "replace")
