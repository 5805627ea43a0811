"""The clock: the time of day, a time that only goes forward, and waiting."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self


@dataclass(frozen=True)
class Clock:
    """What a part of the service knows of time; tests give one of their own.

    ``now``: the time of day, an aware ``datetime`` in UTC.
    ``monotonic``: seconds since some moment in the past; never goes back.
    ``sleep``: wait that many seconds.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]

    @classmethod
    def system(cls) -> Self:
        """Return the clock of this machine."""
        return cls(now=lambda: datetime.now(UTC), monotonic=time.monotonic, sleep=time.sleep)
