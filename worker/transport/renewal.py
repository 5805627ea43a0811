"""Renews leases from a thread: the event loop's timers stand still while a pool drains."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

#: A loop that has been silent for so long is taken for dead, and its leases are left to others.
LOOP_ALIVE_S: Final = 30.0


class Renewal:
    """Calls ``renew`` every ``interval_s`` seconds while the event loop is alive."""

    def __init__(self, renew: Callable[[], None], interval_s: float) -> None:
        self._renew = renew
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self.last_beat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="lease-renewal", daemon=True)
        self._thread.start()

    def beat(self) -> None:
        """The event loop is alive."""
        self.last_beat = time.monotonic()

    def stop(self) -> None:
        """Ends the thread with its next turn."""
        self._stopped.set()

    def _run(self) -> None:
        silent = False
        while not self._stopped.wait(self._interval_s):
            if time.monotonic() - self.last_beat > LOOP_ALIVE_S:
                if not silent:
                    logger.critical("the event loop stands still: leases are no longer renewed")
                silent = True
                continue
            silent = False
            try:
                self._renew()
            except RedisError as error:
                logger.warning("leases could not be renewed: %r", error)
