"""A message from the pop to its settlement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.transport.protocol import Envelope

UNREAD = Envelope(
    id="", task="", args=[], kwargs={}, embed={}, headers={}, reply_to=None, priority=0, redelivered=False
)
"""What is known of a message before it is read."""


class Settler(Protocol):
    """The process that received a delivery, as the delivery needs it."""

    def settle(self, delivery: "Delivery", action: str, *arguments: str) -> None: ...
    def note_waits(self, deliveries: "Sequence[Delivery]") -> bool: ...


@dataclass(slots=True, eq=False)
class Delivery:
    """One message in the hands of this process; a task finds it as ``self.request.delivery``.

    ``queue``: where it came from.
    ``tag``: its key among the unacked messages.
    ``redelivered``: whether it was delivered before.
    ``deaths``: how many processes ended while they were applying it.
    ``raw``: the element as it was on its list.
    ``envelope``: what was read of it. One with a ``refusal`` must be answered and not applied.
    ``returned``: whether Redis counts its deaths.

    What settles it is sent in the next turn of the event loop, however long Redis is away, and does nothing
    for a delivery that is settled already.
    """

    settler: Settler
    queue: str
    tag: str
    redelivered: bool
    deaths: int
    raw: bytes = field(repr=False)
    envelope: Envelope = field(default=UNREAD, repr=False)
    returned: bool = False
    settled: bool = False
    waits: bool = False

    @property
    def headers(self) -> Mapping[str, Any]:
        """All headers as sent, unchecked. Celery gets only a few of them."""
        return self.envelope.headers

    @property
    def delivery_info(self) -> dict[str, Any]:
        """The way that the message came, as Celery's request asks for it."""
        return {"exchange": "", "routing_key": self.queue, "redelivered": self.redelivered}

    @property
    def properties(self) -> dict[str, Any]:
        """The properties of the message, as Celery's request asks for them."""
        return {
            "correlation_id": self.envelope.id,
            "reply_to": self.envelope.reply_to,
            "delivery_tag": self.tag,
            "priority": self.envelope.priority,
        }

    def waiting(self) -> None:
        """Note that an outage holds the message up, so that the death of a process does not count against it,
        until it is delivered again.

        If Redis is away, the next call notes it.
        """
        note_waits([self])

    def forward(self, queue: str) -> None:
        """Move the message to the end of another queue."""
        self.settler.settle(self, "forward", queue)

    def ack(self) -> None:
        """Forget the message."""
        self.settler.settle(self, "ack")

    def give_back(self) -> None:
        """Return the message to the head of its queue."""
        self.settler.settle(self, "back")

    def give_back_failed(self, alone: bool = True) -> None:
        """Return the message as ``give_back`` does, as if the process had ended while applying it.

        ``alone``: whether it was the only one in work, so that a death counts against it.
        """
        self.settler.settle(self, "failed", "1" if alone else "")

    def park(self, reason: str, detail: str = "") -> None:
        """Move the message to the parked messages of its queue."""
        self.settler.settle(self, "park", reason, str(self.deaths), detail)


def note_waits(deliveries: Sequence[Delivery]) -> None:
    """Note of several deliveries of one queue that they wait, as ``Delivery.waiting`` does."""
    unnoted = [delivery for delivery in deliveries if not delivery.waits and not delivery.settled]
    if unnoted and unnoted[0].settler.note_waits(unnoted):
        for delivery in unnoted:
            delivery.waits = True
