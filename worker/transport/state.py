"""The state that the event loop and the threads of the pool share."""

import threading
from dataclasses import dataclass

from contracts._redis.silence import silences
from worker.transport.keys import QueueKeys

stop_requested = threading.Event()
"""Set when the process must end. A thread that waits for the end of an outage waits on it too."""


def request_stop() -> None:
    """The process must end: nobody waits for the end of an outage, nor again for a Redis that is silent."""
    stop_requested.set()
    silences.hurry()


NEVER = float("inf")


@dataclass(slots=True)
class QueueState:
    """One consumed queue: its lease, and when to ask it for messages again.

    ``asked``: the first number of a request whose answer has not arrived, 0 for none. Each queue has its own,
    so that a request to another queue cannot use it up.
    ``asked_most``: how many numbers that request may use.
    ``ask_at``: do not ask before that time, in monotonic seconds; ``NEVER``: not before something changes.
    ``standby``: whether another process had the lease when it was asked for.
    ``held_off_until``: do not ask before that time, whatever changes, in monotonic seconds.
    """

    keys: QueueKeys
    exclusive: bool
    epoch: int = 0
    asked: int = 0
    asked_most: int = 0
    ask_at: float = 0.0
    standby: bool = False
    held_off_until: float = 0.0

    def ready(self, now: float) -> bool:
        """Return whether to ask the queue for messages at ``now``."""
        return now >= self.ask_at and now >= self.held_off_until

    @property
    def watched(self) -> tuple[str, ...]:
        """The keys whose change is a reason to ask again."""
        return (self.keys.doorbell,) if self.standby else self.keys.lists

    @property
    def membership(self) -> str:
        """The key of the lease, or of the consumers of a shared queue."""
        return self.keys.lease if self.exclusive else self.keys.consumers
