"""The settings of the queues."""

from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from worker.transport.protocol import MessageLimits

DEFAULT_LEASE_S: Final = 5.0
"""How long a lease lasts unless it is renewed, in seconds."""

DEFAULT_MAX_DEATHS: Final = 5
"""The number of deaths at which a message is parked."""

DEFAULT_GROUP_MAX: Final = 256
"""How many messages of an exclusive queue are taken at once."""

GROUP_BYTES: Final = 4 * 1024 * 1024
"""How many bytes of messages are taken at once; a larger message is taken by itself."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of the queues.

    ``exclusive``: queues with one consumer at a time, whose messages are taken in groups. ``shared``: queues
    with many consumers. Both are names or patterns (``plugin.commands.*``).
    ``lease_s``: how long a lease, or a consumer of a shared queue, lasts after its last sign of life, in
    seconds.
    ``max_deaths``: at this number of deaths of its process, a message is parked and not delivered again.
    ``group_max``: the most messages in a group.
    """

    exclusive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    lease_s: float = DEFAULT_LEASE_S
    max_deaths: int = DEFAULT_MAX_DEATHS
    group_max: int = DEFAULT_GROUP_MAX
    limits: MessageLimits = field(default_factory=MessageLimits)

    def is_exclusive(self, queue: str) -> bool:
        """Return whether ``queue`` has one consumer at a time."""
        return any(fnmatchcase(queue, pattern) for pattern in self.exclusive)

    def is_ours(self, queue: str) -> bool:
        """Return whether this transport keeps ``queue``; any other is left to the stock transport."""
        return self.is_exclusive(queue) or any(fnmatchcase(queue, pattern) for pattern in self.shared)

    @property
    def lease_ms(self) -> int:
        """``lease_s`` in milliseconds."""
        return int(self.lease_s * 1000)

    def __json__(self) -> dict[str, Any]:
        """Return the settings as kombu's JSON has them: they are in the answer to ``inspect stats``."""
        return asdict(self)
