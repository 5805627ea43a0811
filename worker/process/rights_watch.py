"""Tells of a right at Redis that is taken away while this process runs, by command and key."""

import logging
from collections.abc import Collection, Sequence

from contracts._redis.outage import redis_outage
from worker.process.rights import RightsUnknown, Use, missing
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable

logger = logging.getLogger(__name__)


class WatchRights:
    """Asks for the rights of this process again and again: the errors of Redis do not always name them.

    ``roles``: of this process. ``panel``: whether remote control is open.
    """

    name = "the check of rights"
    interval_s = 10.0

    def __init__(self, roles: Collection[str], uses: Sequence[Use], panel: bool) -> None:
        self._roles = roles
        self._uses = uses
        self._panel = panel
        self._told: list[str] = []

    def run(self) -> None:
        """Log what is missing, when that changes. Raises ``BrokerUnavailable``."""
        try:
            found = list(missing(self._roles, self._uses, self._panel))
        except RightsUnknown as error:
            raise BrokerUnavailable(redis_outage(error.__cause__, BROKER_AWAY).text) from error.__cause__
        for sentence in found:
            if sentence not in self._told:
                logger.error("this process waits where it needs what it lacks: %s", sentence)
        if self._told and not found:
            logger.info("this process has its rights again")
        self._told = found
