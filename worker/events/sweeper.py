"""The sweep as a chore: of every commands worker, one of them at a time."""

import logging
import time
from typing import Any
from uuid import uuid4

from contracts._redis.outage import translate_outage
from contracts.events import STREAM
from worker.events.sweep import Sweep
from worker.events.unavailable import EVENTS_AWAY, EventsUnavailable

logger = logging.getLogger(__name__)

TURN = f"{STREAM}:sweeper"
"""The Redis key that says whose turn it is."""


class NotMyTurn(Exception):
    """Raised between two chunks of a pass when another process has taken the turn."""


class Turn:
    """Lets one process sweep at a time. Two at once would do no harm, only the same work twice."""

    def __init__(self, client: Any, hold_s: float = 5.0) -> None:
        self._redis = client
        self._name = uuid4().hex
        self._hold_ms = int(hold_s * 1000)

    def take(self) -> bool:
        """Take or keep the turn; return False while another process has it."""
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            if self._redis.set(TURN, self._name, px=self._hold_ms, nx=True):
                return True
            if self._redis.get(TURN) != self._name.encode():
                return False
            return bool(self._redis.pexpire(TURN, self._hold_ms))

    def keep(self) -> None:
        """Take or keep the turn. Raises ``NotMyTurn`` while another process has it."""
        if not self.take():
            raise NotMyTurn

    def leave(self) -> None:
        """Let another process have it at once."""
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            if self._redis.get(TURN) == self._name.encode():
                self._redis.delete(TURN)


class Sweeper:
    """The sweep, whenever it is this process's turn; and a comparison of everything with the stream.

    ``interval_s``: seconds between two sweeps. ``compare_s``: seconds between two comparisons; there is one
    after each loss of Redis's data, too.
    """

    name = "the sweep"

    def __init__(
        self, sweep: Sweep, turn: Turn, *, interval_s: float = 1.0, compare_s: float = 3600.0
    ) -> None:
        self.interval_s = interval_s
        self._sweep = sweep
        self._turn = turn
        self._compare_every = compare_s
        self._compared_at = time.monotonic()

    def run(self) -> None:
        """Make one pass, unless another process has the turn. Raises ``Unavailable``."""
        try:
            self._turn.keep()
            is_sound = self._sweep.pending().is_sound
            if not is_sound or time.monotonic() - self._compared_at > self._compare_every:
                self._compare()
        except NotMyTurn:
            return

    def _compare(self) -> None:
        report = self._sweep.compare()
        if not report.is_sound:
            logger.warning("Redis lost events while they were compared: they are compared again")
            return
        self._compared_at = time.monotonic()
        logger.info(
            "compared %d subjects with the stream, repaired %d, left %d ahead of the store",
            report.seen,
            report.repaired,
            report.ahead,
        )
