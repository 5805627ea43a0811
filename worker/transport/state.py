"""What the event loop and the threads of the pool both know."""

import threading
from dataclasses import dataclass

from worker.transport.keys import QueueKeys

#: Set when the process has been told to end. A thread that waits for an outage to pass waits on it.
stop_requested = threading.Event()


@dataclass(slots=True)
class QueueState:
    """One consumed queue: its lease, and when (monotonic s) it is worth asking for messages again.

    ``asked``: the number under which a message was asked for and not received yet, 0 for none. It is the
    queue's own: another queue that is asked next must not use it up.
    """

    keys: QueueKeys
    exclusive: bool
    epoch: int = 0
    asked: int = 0
    idle: bool = False
    standby_until: float = 0.0
    held_off_until: float = 0.0

    def ready(self, now: float) -> bool:
        return not self.idle and now >= self.standby_until and now >= self.held_off_until

    @property
    def watched(self) -> tuple[str, ...]:
        """The keys whose change is worth asking again."""
        return (self.keys.doorbell,) if self.standby_until else self.keys.lists

    @property
    def membership(self) -> str:
        return self.keys.lease if self.exclusive else self.keys.consumers
