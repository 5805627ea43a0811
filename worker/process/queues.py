"""The queues of a deployment, for the command line."""

from collections.abc import Iterable
from typing import Any

from contracts._redis.outage import translate_outage
from contracts.partition import QUERIES, VERSIONS, command_queues
from worker.process.mailbox import channel
from worker.process.partitions import Partitions
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.transport import drain_parked_messages
from worker.transport.inspect import QueueStatus, queue_statuses, waiting_lists
from worker.transport.keys import QueueKeys
from worker.transport.parked import Sink

__all__ = ["QueueStatus", "Queues", "keys_of"]


class Queues:
    """The queues in the Redis of the commands.

    ``client``: a redis-py client that does not decode. Raises ``BrokerUnavailable``.
    """

    def __init__(self, client: Any) -> None:
        self._redis = client

    def statuses(self, partitions: int) -> list[QueueStatus]:
        """Return the status of every queue of a deployment with so many partitions."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            return queue_statuses(self._redis, command_queues(partitions), [QUERIES, VERSIONS])

    def strays(self, partitions: int) -> dict[str, int]:
        """Return the lists of commands that no worker of so many partitions reads, with their lengths."""
        queues = Partitions(self._redis).stray_queues(partitions)
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            return {name: n for queue in queues for name, n in waiting_lists(self._redis, queue).items()}

    def listening(self) -> int:
        """Return how many workers listen to remote control."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            ((_, listening),) = self._redis.pubsub_numsub(channel(self._redis))
        return int(listening)

    def push(self, queue: str, raw: bytes) -> None:
        """Add a message to the end of a queue."""
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            self._redis.lpush(queue, raw)

    def drain(self, queues: Iterable[str], sink: Sink) -> int:
        """Hand every parked message of ``queues`` to ``sink``; return how many.

        An error of ``sink`` ends it and loses nothing.
        """
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            return sum(_drain(self._redis, queue, sink) for queue in queues)


def keys_of(partitions: int) -> list[QueueKeys]:
    """Return the Redis keys of every queue of a deployment with so many partitions."""
    return [QueueKeys.of(queue) for queue in (*command_queues(partitions), QUERIES, VERSIONS)]


def _drain(client: Any, queue: str, sink: Sink) -> int:
    total = 0
    while count := drain_parked_messages(client, queue, sink):
        total += count
    return total
