"""What a task knows of the message that it runs for, and what it can do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.transport.envelope import Envelope, EnvelopeRefusal


class LeaseLost(Exception):
    """Raised when another process holds the queue of a delivery: it is no longer ours to decide."""


class Settler(Protocol):
    """What a delivery needs of the process that received it."""

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

    ``queue`` where it came from; ``epoch`` of the lease at the pop (0 for shared queues); ``redelivered``
    when it was handed out before; ``deaths`` of processes that were applying it; ``raw`` as on the list.
    With a ``refusal`` it is to be answered and not applied: its arguments are empty then.
    Methods that reach Redis raise redis-py's errors when it is away, but for :meth:`waiting`, and may be
    called again.
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
        """Why the message is to be refused, or None."""
        return self.envelope.refusal if self.envelope else None

    @property
    def headers(self) -> Mapping[str, Any]:
        """All headers as sent, unchecked: ``expires``, ``eta``, ``authorization`` ...; Celery sees few."""
        return self.envelope.headers if self.envelope else {}

    @property
    def canvas(self) -> tuple[str, ...]:
        """Names of delays and canvas parts that the message carries, such as ``eta`` or ``chain``."""
        return self.envelope.canvas if self.envelope else ()

    @property
    def stopping(self) -> bool:
        """Whether this process has been told to end."""
        return self.settler.stopping

    def pause(self, seconds: float) -> bool:
        """Sleeps for ``seconds``, or until the process is told to end; returns :attr:`stopping`."""
        return self.settler.pause(seconds)

    def waiting(self) -> None:
        """Something else than the message holds it up: no death of the process counts against it until it is
        delivered again. One that Redis could not be told of is told by the next call.
        """
        if not self.waits:
            self.waits = self.settler.note_wait(self)

    def holds_lease(self) -> bool:
        """Asks Redis whether the lease is still the one of this delivery. Always true for shared queues."""
        return self.settler.confirm(self)

    def raise_epoch(self, to: int) -> int:
        """Raises the epoch of the lease to at least ``to`` and returns it. Raises :class:`LeaseLost`."""
        self.epoch = self.settler.raise_epoch(self, to)
        return self.epoch

    def give_up(self) -> None:
        """Gives every lease of this process to whoever stands by, and all unacked messages back with it.

        This process asks for them again after the time of one lease. The task then ends by ``Ignore``.
        """
        self.settler.give_up()

    def forward(self, queue: str) -> bool:
        """Moves the message to the end of another queue. False when it was no longer ours."""
        return self.settler.settle_now(self, "forward", target=queue)

    def ack(self) -> None:
        """Forgets the message, with the next turn of the event loop, however long Redis is away."""
        self.settler.settle_later(self, "ack")

    def give_back(self) -> None:
        """Returns the message to the head of its queue, with the next turn of the event loop."""
        self.settler.settle_later(self, "back")

    def give_back_failed(self) -> None:
        """As :meth:`give_back`, and counts as if the process had died while applying it."""
        self.settler.settle_later(self, "failed")

    def park_later(self, reason: str, detail: str = "") -> None:
        """Moves the message to the dead letters of its queue, with the next turn of the event loop."""
        self.settler.settle_later(self, "park", reason, str(self.deaths), detail)
