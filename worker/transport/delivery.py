"""What a task knows of the message that it runs for, and what it can do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.transport.protocol import Envelope, EnvelopeRefusal


class LeaseLost(Exception):
    """Raised when another process has the lease of a delivery's queue: this process may no longer decide."""


class Settler(Protocol):
    """The process that received a delivery, as the delivery needs it."""

    def settle_later(self, delivery: "Delivery", action: str, *arguments: str) -> None: ...
    def settle_now(self, delivery: "Delivery", action: str, *arguments: str, target: str = "") -> bool: ...
    def note_wait(self, delivery: "Delivery") -> bool: ...
    def confirm(self, delivery: "Delivery") -> bool: ...
    def raise_epoch(self, delivery: "Delivery", to: int) -> int: ...
    def give_up(self) -> None: ...
    def pause(self, seconds: float) -> bool: ...
    @property
    def stopping(self) -> bool: ...


@dataclass(slots=True, eq=False)
class Delivery:
    """One message in the hands of this process; a task finds it as ``self.request.delivery``.

    ``queue``: where it came from.
    ``epoch``: that of the lease when the message was taken; 0 for shared queues.
    ``redelivered``: whether it was delivered before.
    ``deaths``: how many processes ended while they were applying it.
    ``raw``: the element as it was on its list.

    A delivery with a ``refusal`` must be answered and not applied; its arguments are empty. The methods that
    reach Redis raise redis-py's errors when it is away, except ``waiting``, and may be called again.
    """

    settler: Settler
    queue: str
    tag: str
    epoch: int
    redelivered: bool
    deaths: int
    raw: bytes = field(repr=False)
    envelope: Envelope | None = field(default=None, repr=False)
    returned: bool = False
    settled: bool = False
    waits: bool = False

    @property
    def refusal(self) -> EnvelopeRefusal | None:
        """Why the message must be refused, or None."""
        return self.envelope.refusal if self.envelope else None

    @property
    def headers(self) -> Mapping[str, Any]:
        """All headers as sent, unchecked: ``expires``, ``eta``, ``authorization`` and others. Celery gets
        only a few of them.
        """
        return self.envelope.headers if self.envelope else {}

    @property
    def canvas(self) -> tuple[str, ...]:
        """The names of delays and canvas parts in the message, such as ``eta`` or ``chain``."""
        return self.envelope.canvas if self.envelope else ()

    @property
    def stopping(self) -> bool:
        """Whether this process must end."""
        return self.settler.stopping

    def pause(self, seconds: float) -> bool:
        """Sleep for ``seconds``, or until the process must end; return ``stopping``."""
        return self.settler.pause(seconds)

    def waiting(self) -> None:
        """Note that an outage holds the message up, so that the death of a process does not count against it,
        until it is delivered again.

        If Redis is away, the next call notes it.
        """
        if not self.waits:
            self.waits = self.settler.note_wait(self)

    def holds_lease(self) -> bool:
        """Ask Redis whether the lease is still that of this delivery. Always true for shared queues."""
        return self.settler.confirm(self)

    def raise_epoch(self, to: int) -> int:
        """Raise the epoch of the lease to at least ``to`` and return it.

        Raises: ``LeaseLost``.
        """
        self.epoch = self.settler.raise_epoch(self, to)
        return self.epoch

    def give_up(self) -> None:
        """Give every lease of this process to a standby, and return all unacked messages with it.

        This process asks for them again after the time of one lease. The task must then end by
        ``Reject(requeue=True)``, which does nothing for a message that has been given away.
        """
        self.settler.give_up()

    def forward(self, queue: str) -> bool:
        """Move the message to the end of another queue; return False if this process no longer had it."""
        return self.settler.settle_now(self, "forward", target=queue)

    def ack(self) -> None:
        """Forget the message in the next turn of the event loop, however long Redis is away."""
        self.settler.settle_later(self, "ack")

    def give_back(self) -> None:
        """Return the message to the head of its queue in the next turn of the event loop."""
        self.settler.settle_later(self, "back")

    def give_back_failed(self) -> None:
        """Return the message as ``give_back`` does, and count a death, as if the process had ended while
        applying it.
        """
        self.settler.settle_later(self, "failed")

    def park_later(self, reason: str, detail: str = "") -> None:
        """Move the message to the dead messages of its queue in the next turn of the event loop."""
        self.settler.settle_later(self, "park", reason, str(self.deaths), detail)
