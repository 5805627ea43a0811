"""Tells the log of a wait for Redis or the store."""

import logging
import time
from collections.abc import Callable

from contracts._redis.state import Outage

AGAIN_S = 60.0
"""How long a wait goes on, in seconds, until it is told again."""


class Waits:
    """Tells of a wait when it begins, and once a minute; what a server refuses this user, each as it is met.

    ``logger``: where. ``clock``: seconds, never set back. Default: ``time.monotonic``.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._told: str | None = None
        self._told_at = 0.0

    def tell(self, what: str, outage: Outage) -> None:
        """Log ``what`` waits, and why: a warning, or an error if a server refuses this user, for that does
        not end by itself.
        """
        now = self._clock()
        reason = outage.text if outage.is_refusal else ""
        if reason == self._told and now - self._told_at < AGAIN_S:
            return
        self._told, self._told_at = reason, now
        level = logging.ERROR if outage.is_refusal else logging.WARNING
        self._logger.log(level, "%s: %s", what, outage.text)

    def over(self) -> bool:
        """Note that the wait is over; return whether there was one."""
        was_told, self._told = self._told is not None, None
        return was_told
