"""What the log says of each refresh.

A failure is a warning when it is news: an image begins to fail, or fails for another reason. When it fails so
again, that is information. Nor does a registry with thousands of images that fail alike flood the log: its
first failures are warnings, and ``plugins images`` has them all.
"""

import logging
import threading
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from cachetools import TTLCache

from worker.domain.clock import Clock
from worker.domain.image import FetchFailed, TagList
from worker.domain.image_record import ImageRecord
from worker.domain.refresh import RefreshDecision

WARNINGS = 5
"""How many warnings there are in ``SPAN_S`` for one budget group and reason."""

SPAN_S = 600.0

_KEPT = 1_000

logger = logging.getLogger(__name__)


class Ending(NamedTuple):
    """How the refresh of one image ended.

    ``reason``: as in ``RefreshReport``. ``detail``: of a failure, for operators. ``is_news``: it did not end
    so the last time, and somebody should know. ``is_failure``: nothing was read.
    """

    reason: str
    detail: str = ""
    is_news: bool = False
    is_failure: bool = False

    @classmethod
    def of(cls, before: ImageRecord, decision: RefreshDecision, outcome: TagList | FetchFailed) -> "Ending":
        """Return how a refresh ended that was written. A first 404 is no news: it may be a slip."""
        if isinstance(outcome, TagList):
            return cls._listed(before, decision, outcome)
        if outcome.reason == "not_found":
            is_news = decision.image.state == "not_found" != before.state
        else:
            is_news = before.last_error != outcome.reason
        return cls(decision.reason, outcome.detail, is_news, is_failure=True)

    @classmethod
    def _listed(cls, before: ImageRecord, decision: RefreshDecision, listed: TagList) -> "Ending":
        if listed.failure is not None:
            detail = f"only a part of the list was read: {listed.failure}"
            return cls(decision.reason, detail, before.last_error != listed.failure.reason)
        detail = decision.image.last_detail or ""
        return cls(decision.reason, detail, is_news=bool(detail) and not before.truncated)


class RefreshLog:
    """Logs refreshes. For all threads."""

    def __init__(self, clock: Clock) -> None:
        self._lock = threading.Lock()
        self._warned: TTLCache[tuple[str, str], Iterator[int]] = TTLCache(
            _KEPT, SPAN_S, timer=lambda: clock.now().timestamp()
        )

    def write(self, key: str, budget_group: str, ending: Ending) -> None:
        """Log the end of the refresh of the image ``key``."""
        reason, detail, is_news, is_failure = ending
        what = "could not refresh" if is_failure else "refreshed"
        level = logging.INFO
        if is_news:
            number = self._count(budget_group, reason)
            if number <= WARNINGS:
                level = logging.WARNING
            if number == WARNINGS:
                detail += f" (more such failures at {budget_group} are not warnings for some minutes)"
        extra = {"subject": key, "reason": reason}
        if detail:
            extra["detail"] = ending.detail
            logger.log(level, "%s %s: %s: %s", what, key, reason, detail, extra=extra)
        else:
            logger.log(level, "%s %s: %s", what, key, reason, extra=extra)

    def _count(self, budget_group: str, reason: str) -> int:
        with self._lock:
            return next(self._warned.setdefault((budget_group, reason), count(1)))
