"""An attempt to apply a command: what a decision must know of the message that brought it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, Self


class Fenced(Exception):
    """Raised when another process owns the partition: this process may neither acknowledge nor answer."""


class GiveBack(Exception):
    """Raised when the process is stopping: the message returns to the head of its queue, unanswered."""


class Lease(Protocol):
    """The right to apply the commands of a partition."""

    def confirm(self) -> bool:
        """Return whether Redis says that this process still has the lease."""

    def raise_epoch(self, at_least: int) -> int | None:
        """Return a new epoch of at least ``at_least`` under the same lease, or None if the lease is lost."""

    def wait(self, seconds: float) -> bool:
        """Wait during an outage; return True as soon as the process must end."""

    def give_up(self) -> None:
        """Give the partition, and this message with it, to a standby."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to apply a command.

    ``epoch``: that of the lease when the message was taken.
    ``redelivered``: whether an earlier owner may have begun to apply it.
    ``expires``: do not apply it after that time.
    """

    command_id: str
    epoch: int = 0
    redelivered: bool = False
    expires: datetime | None = None
    traceparent: str | None = None
    lease: Lease = field(kw_only=True)

    def refenced(self, fence: int) -> Self:
        """Return this attempt under an epoch above ``fence``, after Redis has confirmed the lease.

        A fence above the epoch of our own valid lease came from a clock that was ahead, or from another
        number of partitions.

        Raises: ``Fenced`` if the lease is lost.
        """
        if not self.lease.confirm() or (epoch := self.lease.raise_epoch(fence + 1)) is None:
            raise Fenced
        return replace(self, epoch=epoch)
