"""What a decision has to know of the message that brought the command."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, Self


class Fenced(Exception):
    """Raised when a newer owner has taken the partition: this process may neither acknowledge nor answer."""


class GiveBack(Exception):
    """Raised when the message is to go back to the head of its queue, unanswered: the process is stopping."""


class Lease(Protocol):
    """The right to apply the commands of a partition."""

    def confirm(self) -> bool:
        """Whether Redis says that the lease is still this process's own."""

    def raise_epoch(self, at_least: int) -> int | None:
        """A new epoch of at least ``at_least`` under the same lease; None when the lease is lost."""

    def wait(self, seconds: float) -> bool:
        """Wait while something is away; True as soon as the process has been told to end."""

    def give_up(self) -> None:
        """Let whoever stands by have the partition, and this message with it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a command.

    ``epoch`` is the lease's at the pop; ``redelivered`` says that an earlier owner may have begun on it; past
    ``expires`` the command is not applied.
    """

    command_id: str
    epoch: int = 0
    redelivered: bool = False
    expires: datetime | None = None
    traceparent: str | None = None
    lease: Lease = field(kw_only=True)

    def refenced(self, fence: int) -> Self:
        """This attempt under an epoch above ``fence``, once Redis has confirmed the lease. Raises ``Fenced``
        if it is lost.

        A fence above the epoch of a lease that is still our own came from a clock that ran ahead, or from
        another partitioning.
        """
        if not self.lease.confirm() or (epoch := self.lease.raise_epoch(fence + 1)) is None:
            raise Fenced
        return replace(self, epoch=epoch)
