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
        self._waited_at = float("-inf")
        self._waits_for = ""
        self._thread = threading.Thread(target=self._run, name="lease-renewal", daemon=True)
        self._thread.start()

    def beat(self) -> None:
        """Note that the event loop is alive."""
        self.last_beat = time.monotonic()

    def wait(self, outage: str) -> None:
        """Note that the event loop waits for the end of an outage, which a sentence names."""
        self._waits_for, self._waited_at = outage, time.monotonic()

    def stop(self) -> None:
        """End the thread in its next turn."""
        self._stopped.set()

    def _run(self) -> None:
        told: bool | None = None
        waits = Waits(logger)
        while not self._stopped.wait(self._interval_s):
            now = time.monotonic()
            if now - self.last_beat > LOOP_ALIVE_S:
                is_outage = now - self._waited_at <= LOOP_ALIVE_S
                if is_outage != told:
                    self._tell(is_outage)
                told = is_outage
                continue
            told = None
            try:
                self._renew()
            except RedisError as error:
                waits.tell("leases are not renewed", redis_outage(error, "Redis does not answer"))
            else:
                waits.over()

    def _tell(self, is_outage: bool) -> None:
        if is_outage:
            logger.warning("leases are not renewed in this outage: %s", self._waits_for)
        else:
            logger.critical("the event loop stands still: leases are no longer renewed")
