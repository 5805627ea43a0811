"""Renews leases in a thread, because the timers of the event loop stop while a pool drains."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError

from contracts._redis.outage import redis_outage
from contracts._redis.waits import Waits

logger = logging.getLogger(__name__)

LOOP_ALIVE_S: Final = 30.0
"""An event loop that is silent for longer counts as dead, in seconds: its leases are left to other
processes.
"""


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
        """Note that the event loop is alive."""
        self.last_beat = time.monotonic()

    def stop(self) -> None:
        """End the thread in its next turn."""
        self._stopped.set()

    def _run(self) -> None:
        silent, waits = False, Waits(logger)
        is_away = False
        while not self._stopped.wait(self._interval_s):
            if time.monotonic() - self.last_beat > LOOP_ALIVE_S:
                # In an outage the event loop waits for a connection, and there is no lease to renew.
                if not silent and not is_away:
                    logger.critical("the event loop stands still: leases are no longer renewed")
                silent = True
                continue
            silent = False
            try:
                self._renew()
            except RedisError as error:
                is_away = True
                waits.tell("leases are not renewed", redis_outage(error, "Redis does not answer"))
            else:
                is_away = False
                waits.over()
