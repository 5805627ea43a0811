"""Until when an image is read: its own time, or what is left of it when the process ends."""

from collections.abc import Callable
from time import monotonic

from worker.domain.image import CutShort

LAST_S = 2.0
"""How long a read goes on, in seconds, when the process is to end."""

LOOK_S = 0.25
"""How often a wait looks whether the process is to end, in seconds."""


class Deadline:
    """The end of the time for one image.

    ``seconds``: from now. ``stopping``: returns whether the process is to end.
    """

    def __init__(self, seconds: float, stopping: Callable[[], bool]) -> None:
        self._ends = monotonic() + seconds
        self._stopping = stopping
        self._is_cut = False

    def put_off(self, seconds: float) -> None:
        """Add seconds that do not count as the image's; none are added once the process is to end."""
        if not self._is_cut:
            self._ends += seconds

    def left_s(self) -> float:
        """Return the seconds that are left; ``LAST_S`` at most from when it is seen that the process ends."""
        if not self._is_cut and self._stopping():
            last = monotonic() + LAST_S
            self._is_cut = last < self._ends
            self._ends = min(last, self._ends)
        return self._ends - monotonic()

    def check(self) -> None:
        """Raises: ``CutShort`` if the time is over because the process ends."""
        if self.left_s() <= 0 and self._is_cut:
            raise CutShort
