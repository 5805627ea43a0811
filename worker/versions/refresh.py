"""Refresh: read the registry for each image of a task, and write what that means.

Between two images of the task those of the same group that somebody has just looked at are read first. The
task ends early, with its images given back, when the group must be left alone or the process is to stop.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from contracts.errors import Unavailable
from worker.domain.event import Subject
from worker.domain.image import (
    DomainsOf,
    Fetcher,
    FetchFailed,
    Image,
    Listing,
    without_credential,
)
from worker.domain.refresh import Decision, decide
from worker.domain.schedule import Intervals
from worker.registries.budget.budget import Budget, Slot
from worker.store.image_queue import ImageQueue
from worker.store.images import Images, Leased
from worker.versions.claimed import Held, LeaseLost
from worker.versions.dispatch import LEASE_S, TASK_IMAGES

logger = logging.getLogger(__name__)


class Published(Protocol):
    """How publishing went; ``last`` is the subject's last revision on the stream."""

    @property
    def last(self) -> int: ...


class Publisher(Protocol):
    """Publishes what is pending of a subject; ``worker.events`` has the real one."""

    def publish(self, subject: Subject) -> Published: ...


class Refresh:
    """Reads and writes images.

    ``clock`` gives the time in UTC, ``sleep`` waits some seconds, ``domains`` who may use a credential,
    ``stopping`` whether the process is to end. ``lease_s`` is how long the images are leased on, each time a
    third of it has passed; and after twice that long a task makes room for those of other groups.
    """

    def __init__(
        self,
        images: Images,
        queue: ImageQueue,
        budget: Budget,
        fetcher: Fetcher,
        publisher: Publisher,
        intervals: Intervals,
        clock: Callable[[], datetime],
        sleep: Callable[[float], object],
        *,
        domains: DomainsOf = without_credential,
        stopping: Callable[[], bool] = lambda: False,
        lease_s: float = LEASE_S,
    ) -> None:
        self._images = images
        self._queue = queue
        self._budget = budget
        self._fetcher = fetcher
        self._publisher = publisher
        self._intervals = intervals
        self._clock = clock
        self._sleep = sleep
        self._domains = domains
        self._stopping = stopping
        self._lease_s = lease_s

    def run(self, host: str, images: Sequence[str], lease: str) -> dict[str, int]:
        """Refresh ``images`` of the group ``host`` under ``lease``; how many ended for which reason.

        Reasons are those of ``worker.domain.refresh``, and ``parked`` (no plugin uses it), ``looked_at``
        (while it was to be parked), ``lease_lost``, ``time_over``, ``stopping``. Unless it is ``throttled``
        or ``stopping``, the caller dispatches the group again.
        Raises ``Unavailable`` when the store or Redis is away: the leases lapse, and the images are claimed
        again.
        """
        reasons: Counter[str] = Counter()
        held = Held(self._queue, list(images), lease, self._clock, self._lease_s)
        slot: Slot | None = None
        ends = self._clock() + timedelta(seconds=2 * self._lease_s)
        try:
            for _ in range(2 * TASK_IMAGES):
                if self._stopping():
                    reasons["stopping"] += 1
                    break
                key = held.next(host)
                if key is None:
                    break
                if self._clock() >= ends:
                    reasons["time_over"] += 1
                    break
                leased = self._images.read_leased(key, lease)
                if leased is None:
                    reasons["lease_lost"] += 1
                    continue
                slot = slot or self._budget.slot(host, leased.image.ref.registry_type, lease)
                try:
                    reason = self._refresh(leased, held, slot)
                except Unavailable:
                    raise
                except Exception as fault:
                    # It would be the first of every task to come: its neighbours must not wait for its cure.
                    logger.exception("a fault while an image was refreshed", extra={"subject": key})
                    failure = FetchFailed("unavailable", detail=f"a fault of ours: {type(fault).__name__}")
                    reason = self._conclude(leased, held, failure)
                reasons[reason] += 1
                logger.info("refreshed an image", extra={"subject": key, "reason": reason})
                if reason == "throttled":
                    break
        finally:
            with _kept_for_later("leases"):
                held.give_back()
            with _kept_for_later("slot"):
                self._budget.release(host, lease)
        return dict(reasons)

    def _refresh(self, leased: Leased, held: Held, slot: Slot) -> str:
        ref = leased.image.ref
        if not self._images.in_use(ref):
            if self._images.park(leased):
                held.done()
                return "parked"
            held.give_back_current()
            return "looked_at"
        try:
            outcome = self._fetch(leased.image, held, slot)
        except LeaseLost:
            return "lease_lost"
        return self._conclude(leased, held, outcome)

    def _conclude(self, leased: Leased, held: Held, outcome: Listing | FetchFailed) -> str:
        now = self._clock()
        decision = decide(leased.image, outcome, now, self._intervals)
        if decision.reason == "throttled":
            return decision.reason
        written = self._write(leased, decision, now)
        held.done()
        return decision.reason if written else "lease_lost"

    def _fetch(self, image: Image, held: Held, slot: Slot) -> Listing | FetchFailed:
        def take() -> None:
            held.renew()
            self._sleep_for(slot.acquire())

        domains = self._domains(image.ref)
        if domains is not None and not self._images.in_use(image.ref, domains):
            return FetchFailed("auth_failed", detail="none of its plugins may use the credential")
        # A list that must be confirmed, or is known in part only, is read whole.
        whole = not image.listed or image.truncated or image.suspicious is not None
        try:
            listing = self._fetcher.fetch(image.ref, take, None if whole else frozenset(image.versions))
        except FetchFailed as failure:
            cooldown_s = slot.failed(failure)
            if cooldown_s is not None:
                # Else it would be the first to be asked for after each cooldown, and perhaps the only one.
                held.put_last(cooldown_s)
            return failure
        slot.listed()
        return listing

    def _write(self, leased: Leased, decision: Decision, now: datetime) -> bool:
        """Write, then publish. Events of earlier changes go out first, so that they can leave the outbox."""
        if decision.change is not None and leased.image.outbox:
            last = self._publisher.publish(self._images.subject(leased.image, now)).last
            decision = decision.without_published(last)
        written = self._images.write(leased, decision, now)
        if written is None:
            return False
        if decision.change is not None:
            self._publisher.publish(self._images.subject(written, now))
        return True

    def _sleep_for(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)


@contextmanager
def _kept_for_later(what: str) -> Iterator[None]:
    """What cannot be given back now, because a server is away, lapses by itself."""
    try:
        yield
    except Unavailable as fault:
        logger.warning("could not give back the %s: %s", what, fault)
