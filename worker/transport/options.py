"""How the queues are kept."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from worker.transport.envelope import MessageLimits

DEFAULT_LEASE_S: Final = 5.0
DEFAULT_MAX_DEATHS: Final = 5


@dataclass(frozen=True, slots=True)
class Options:
    """How the queues are kept. ``exclusive`` and ``shared`` are names or patterns (``plugin.commands.*``).

    ``lease_s``: seconds that a lease, or a consumer of a shared queue, outlives its last sign of life.
    ``max_deaths``: at so many deaths of its process a message is parked instead of handed out.
    """

    exclusive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    lease_s: float = DEFAULT_LEASE_S
    max_deaths: int = DEFAULT_MAX_DEATHS
    limits: MessageLimits = field(default_factory=MessageLimits)

    def is_exclusive(self, queue: str) -> bool:
        return any(fnmatchcase(queue, pattern) for pattern in self.exclusive)

    def is_ours(self, queue: str) -> bool:
        return self.is_exclusive(queue) or any(fnmatchcase(queue, pattern) for pattern in self.shared)

    @property
    def lease_ms(self) -> int:
        return int(self.lease_s * 1000)
