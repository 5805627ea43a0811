"""The messages of one pop, and what their process may do with the lease that they were taken under."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from worker.transport.delivery import Delivery, note_waits
from worker.transport.state import QueueState

if TYPE_CHECKING:
    from worker.transport.inbox import Inbox


class LeaseLost(Exception):
    """Raised when another process has the lease of a queue: this process may no longer decide."""


class Group:
    """The messages that one pop took from a queue, in their order.

    ``exclusive``: whether the queue has one consumer at a time: its messages are applied together.
    ``epoch``: that of the lease when the messages were taken, or what ``raise_epoch`` made of it; 0 for a
    shared queue.

    The methods that reach Redis raise redis-py's errors when it is away, except ``waiting``, and may be
    called again.
    """

    # What kombu's consumer asks of a message that it passes on.
    accept = None
    errors = None

    def __init__(self, inbox: "Inbox", queue: str, exclusive: bool, epoch: int) -> None:
        self._inbox = inbox
        self.queue = queue
        self.exclusive = exclusive
        self.epoch = epoch
        self.deliveries: list[Delivery] = []

    @classmethod
    def of(cls, inbox: "Inbox", state: QueueState, first: int, handed_out: Sequence[Any]) -> Self:
        """Return the group that a pop handed out.

        ``first``: the number of its first message. ``handed_out``: of each message, how often processes died
        with it, empty if it was never delivered before; then the message itself.
        """
        queue = state.keys.queue
        group = cls(inbox, queue, state.exclusive, state.epoch)
        for offset, (deaths, raw) in enumerate(zip(handed_out[::2], handed_out[1::2], strict=True)):
            returned = deaths != b""
            tag = f"{inbox.owner}:{first + offset}"
            group.deliveries.append(
                Delivery(inbox, queue, tag, returned, max(0, int(deaths or 0)), raw=raw, returned=returned)
            )
        return group

    @property
    def unsettled(self) -> Sequence[Delivery]:
        """The messages that are still in hand."""
        return [delivery for delivery in self.deliveries if not delivery.settled]

    @property
    def stopping(self) -> bool:
        """Whether this process must end."""
        return self._inbox.stopping

    def pause(self, seconds: float) -> bool:
        """Sleep for ``seconds``, or until the process must end; return ``stopping``."""
        return self._inbox.pause(seconds)

    def waiting(self) -> None:
        """Note that an outage holds the messages up; see ``Delivery.waiting``."""
        note_waits(self.unsettled)

    def holds_lease(self) -> bool:
        """Ask Redis whether the lease is still that of this group. It is renewed on the way."""
        return self._inbox.leases.confirm(self.queue, self.epoch)

    def raise_epoch(self, to: int) -> int:
        """Raise the epoch of the lease to at least ``to`` and return it; see ``Leases.raise_epoch``.

        Raises: ``LeaseLost``.
        """
        self.epoch = self._inbox.leases.raise_epoch(self.queue, self.epoch, to)
        return self.epoch

    def give_up(self) -> None:
        """Release every lease of this process, and give all its unacked messages back.

        This process asks for them again after the time of one lease.
        """
        self._inbox.give_up()

    def give_back(self) -> None:
        """Give the unsettled messages back to the head of the queue, in their order."""
        # The newest first: each goes to the very head.
        for delivery in reversed(self.unsettled):
            delivery.give_back()

    def flush(self) -> None:
        """Send what was settled now, and not with the next pop."""
        self._inbox.flush()
