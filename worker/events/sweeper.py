"""The thread that sweeps: one in every commands worker, of which one sweeps at a time."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from contracts.errors import Unavailable
from contracts.events import STREAM
from worker.events.publish import Publisher, redis_away
from worker.events.sweep import Report, Sweep

logger = logging.getLogger(__name__)

TURN = f"{STREAM}:sweeper"
"""The Redis key of the process that may sweep now."""

COMPARED = f"{STREAM}:compared"
"""The Redis key of the ``run_id`` under which the last full comparison was made."""


class NotMyTurn(Exception):
    """Raised between two chunks of a pass when another process has taken the turn."""


class Turn:
    """Lets one process sweep at a time. Two at once do no harm, only the same work twice."""

    def __init__(self, client: Any, hold_s: float = 5.0) -> None:
        self._redis = client
        self._name = uuid4().hex
        self._hold_ms = int(hold_s * 1000)

    def take(self) -> bool:
        """Take or keep the turn; return False while another process has it."""
        with redis_away():
            if self._redis.set(TURN, self._name, px=self._hold_ms, nx=True):
                return True
            if self._redis.get(TURN) != self._name.encode():
                return False
            return bool(self._redis.pexpire(TURN, self._hold_ms))

    def keep(self) -> None:
        """Keep the turn.

        Raises: ``NotMyTurn``.
        """
        if not self.take():
            raise NotMyTurn

    def leave(self) -> None:
        """Give up the turn, so that another process can take it at once."""
        with redis_away():
            if self._redis.get(TURN) == self._name.encode():
                self._redis.delete(TURN)


class Sweeper(threading.Thread):
    """Sweeps every ``interval_s`` seconds. Compares everything after each new run of Redis, and every
    ``compare_s`` seconds.

    ``also``: called each time too, in every process, for other regular work; it may raise ``Unavailable``.
    """

    def __init__(
        self,
        sweep: Sweep,
        publisher: Publisher,
        turn: Turn,
        client: Any,
        interval_s: float = 1.0,
        compare_s: float = 3600.0,
        also: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._sweep = sweep
        self._publisher = publisher
        self._turn = turn
        self._redis = client
        self._interval = interval_s
        self._compare_every = compare_s
        self._also = also
        self._compared_at = time.monotonic()
        self._ending = threading.Event()
        self._away = False

    def run(self) -> None:
        while not self._ending.wait(self._interval):
            try:
                self.once()
                self._away = False
            except Unavailable as outage:
                if not self._away:
                    logger.warning("the sweep waits: %s", outage.message)
                self._away = True
            except NotMyTurn:
                continue
            except Exception:
                # A bug must not end the thread: what the sweep mends is then mended late, not never.
                logger.exception("the sweep failed and will try again")

    def stop(self) -> None:
        """End the thread and give up the turn."""
        self._ending.set()
        self.join(timeout=10)
        try:
            self._turn.leave()
        except Unavailable:
            logger.info("the turn to sweep ends by itself")

    def once(self) -> Report | None:
        """Make one pass; return None if another process has the turn."""
        self._also()
        if not self._turn.take():
            return None
        report = self._sweep.pending()
        if self._is_due():
            run_id = self._publisher.run_id()
            report = self._sweep.compare()
            with redis_away():
                self._redis.set(COMPARED, run_id)
            self._compared_at = time.monotonic()
            logger.info(
                "compared %d subjects with the stream, repaired %d, left %d ahead of the store",
                report.seen,
                report.repaired,
                report.ahead,
            )
        return report

    def _is_due(self) -> bool:
        if time.monotonic() - self._compared_at > self._compare_every:
            return True
        with redis_away():
            compared = self._redis.get(COMPARED)
        return bool(compared != self._publisher.run_id().encode())
