"""One thread that does the chores of a process, again and again."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from contracts._redis.waits import Waits
from contracts.errors import Unavailable
from worker.tasks.outages import outage_of

logger = logging.getLogger(__name__)

_STOP_S = 3.0


class Chore(Protocol):
    """Something to do again and again.

    ``name``: a noun for the log, such as "the sweep". ``interval_s``: seconds from the end of one run to the
    begin of the next.
    """

    @property
    def name(self) -> str: ...
    @property
    def interval_s(self) -> float: ...

    def run(self) -> None:
        """Do it once. ``Unavailable`` means later; any other error is a bug, and is logged."""


class Periodic(threading.Thread):
    """Runs each of ``chores`` at once, and then whenever its interval has passed.

    An outage is logged when it begins, and once a minute. A bug is logged, and ends neither the thread nor
    another chore.
    """

    def __init__(self, name: str, chores: Sequence[Chore]) -> None:
        super().__init__(name=name, daemon=True)
        self._due = dict.fromkeys(chores, 0.0)
        self._waits = {chore: Waits(logger) for chore in chores}
        self._stopping = threading.Event()

    def run(self) -> None:
        wait_s = 0.0
        while self._due and not self._stopping.wait(wait_s):
            for chore, due in self._due.items():
                if due <= time.monotonic() and not self._stopping.is_set():
                    self._do(chore)
                    self._due[chore] = time.monotonic() + chore.interval_s
            wait_s = max(0.0, min(self._due.values()) - time.monotonic())

    def ask_to_stop(self) -> None:
        """End the thread when the chore that runs now is done."""
        self._stopping.set()

    def stop(self, within_s: float = _STOP_S) -> None:
        """The same, and wait for it, ``within_s`` seconds at most."""
        self.ask_to_stop()
        if self.is_alive():
            self.join(timeout=within_s)

    def _do(self, chore: Chore) -> None:
        try:
            chore.run()
            self._waits[chore].over()
        except Unavailable as outage:
            self._waits[chore].tell(f"{chore.name} waits", outage_of(outage))
        except Exception:
            # What the chore mends is then mended late, not never.
            logger.exception("%s failed and will be tried again", chore.name)
