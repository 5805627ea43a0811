"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta

from worker.domain.clock import Clock

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock(Clock):
    """Stands still until a test moves it; to sleep moves it at once.

    ``time``: what ``now`` returns; a test may set it, backwards too.
    ``slept``: the seconds of every sleep, in order.
    """

    def __init__(self, start: datetime = START) -> None:
        super().__init__(now=lambda: self.time, monotonic=lambda: self._seconds, sleep=self._sleep)
        self.time = start
        self.slept: list[float] = []
        self._seconds = 0.0

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self.time += timedelta(seconds=seconds)
        self._seconds += seconds

    def timestamp(self) -> float:
        """Return ``time`` as seconds since 1970."""
        return self.time.timestamp()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
