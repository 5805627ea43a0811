"""When an image is to be read again: pure arithmetic, in seconds.

Chance is a hash of the image's subject and of a purpose: every worker makes the same decision.
"""

from dataclasses import dataclass
from hashlib import blake2b

JITTER = 0.1
FASTER = 0.5
SLOWER = 1.25
BACKOFF_FIRST_S = 60.0
BACKOFF_MAX_S = 3_600.0
DENIED_FIRST_S = 600.0
CONFIRM_S = 60.0


@dataclass(frozen=True, slots=True)
class Intervals:
    """The bounds of the adaptive interval, in seconds.

    ``min_s``: the shortest. Default: 10 minutes.
    ``max_s``: the longest. Default: 12 hours.
    ``start_s``: that of an image never read, brought within the bounds. Default: 1 hour.
    Raises ``ValueError`` when ``min_s`` is not positive, or above ``max_s``.
    """

    min_s: float = 600.0
    max_s: float = 43_200.0
    start_s: float = 3_600.0

    def __post_init__(self) -> None:
        if self.min_s <= 0:
            raise ValueError("must be more than 0")
        if self.min_s > self.max_s:
            raise ValueError("must not be more than the longest interval")
        object.__setattr__(self, "start_s", self.bounded(self.start_s))

    @property
    def longest_s(self) -> float:
        """Return how far ahead an image may be due.

        A later due time was written by a clock ahead of ours, or before ``max_s`` was lowered.
        """
        return self.max_s * (1 + JITTER)

    def bounded(self, interval_s: float) -> float:
        """Return the interval, brought within the bounds."""
        return min(self.max_s, max(self.min_s, interval_s))

    def adapted(self, interval_s: float, *, changed: bool) -> float:
        """Return the interval after a reading: halved on a change, else a quarter longer, within the bounds.

        ``interval_s``: the one before; 0, of an image never read, gives ``start_s``.
        """
        if not interval_s:
            return self.start_s
        return self.bounded(interval_s * (FASTER if changed else SLOWER))


def share(*names: str) -> float:
    """Return a number in [0, 1), evenly spread over different names and always the same for the same ones."""
    digest = blake2b("\0".join(names).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def jittered(interval_s: float, chance: float) -> float:
    """Return ``interval_s``, up to 10 % shorter or longer; ``chance`` in [0, 1)."""
    return interval_s * (1 - JITTER + 2 * JITTER * chance)


def first_due(subject: str, intervals: Intervals) -> float:
    """Return the wait before the first reading of an image that nobody waits for: within ``start_s``."""
    return intervals.start_s * share(subject, "first")


def backoff(
    failures: int, chance: float, *, first_s: float = BACKOFF_FIRST_S, max_s: float = BACKOFF_MAX_S
) -> float:
    """Return the wait after ``failures`` (1 or more) in a row: doubled each time, then 50 to 100 % of it."""
    ceiling = min(max_s, first_s * 2.0 ** min(failures - 1, 32))
    return ceiling * (0.5 + 0.5 * chance)
