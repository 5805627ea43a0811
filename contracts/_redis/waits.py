"""Tells the log of a wait for Redis or the store."""

import logging
import time
from collections.abc import Callable

from contracts._redis.outage import refusal

AGAIN_S = 60.0
"""How long a wait goes on, in seconds, until it is told again."""


class Waits:
    """Tells of a wait when it begins, and once a minute; what Redis refuses this user, each as it is met.

    ``logger``: where. ``clock``: seconds, never set back. Default: ``time.monotonic``.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._told: str | None = None
        self._told_at = 0.0

    def tell(self, what: str, why: str, error: BaseException | None = None) -> None:
        """Log ``what`` waits, and ``why``: a warning, or an error if Redis refuses this user, for that does
        not end by itself.

        ``error``: that of Redis.
        """
        now, refused = self._clock(), refusal(error)
        reason = refused or ""
        if reason == self._told and now - self._told_at < AGAIN_S:
            return
        self._told, self._told_at = reason, now
        self._logger.log(logging.ERROR if refused else logging.WARNING, "%s: %s", what, why)

    def over(self) -> bool:
        """Note that the wait is over; return whether there was one."""
        was_told, self._told = self._told is not None, None
        return was_told
