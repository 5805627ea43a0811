"""The lease of a group; an outage of Redis is raised as `BrokerUnavailable`."""

from contracts._redis.outage import translate_outage
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.transport import Group, LeaseLost


class PartitionLease:
    """The lease of the partition that a group came from.

    Raises: ``BrokerUnavailable`` while Redis is away.
    """

    def __init__(self, group: Group) -> None:
        self._group = group

    @property
    def epoch(self) -> int:
        """That of the lease when the group was taken, or what ``raise_epoch`` made of it."""
        return self._group.epoch

    def confirm(self) -> bool:
        """Return whether Redis says that this process still has the lease."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            return self._group.holds_lease()

    def raise_epoch(self, at_least: int) -> bool:
        """Raise the epoch to at least ``at_least``, under the same lease; return False if that is lost.

        What is more than a day ahead of Redis's clock is no epoch: the epoch stays as it is.
        """
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            try:
                self._group.raise_epoch(at_least)
            except LeaseLost:
                return False
        return True

    def wait(self, seconds: float) -> bool:
        """Wait during an outage; return True as soon as the process must end."""
        # The note stays after the pause, because most of an outage passes in tries, not in pauses.
        self._group.waiting()
        return self._group.pause(seconds)

    def give_up(self) -> None:
        """Release the lease, and give back what is in hand of the partition."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            self._group.give_up()

    def flush(self) -> None:
        """Tell Redis what was settled, before anything further is decided."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            self._group.flush()
