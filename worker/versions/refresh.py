"""Refresh: read the registry for each image of a task, and write what that means.

Between two images of the task, those of the same budget group that were requested meanwhile are read. The
task ends early, with its images given back, when the group must be left alone or the process is to stop. A
read that is under way then is cut short, and its image is due as it was.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.errors import Unavailable
from worker.domain.clock import Clock
from worker.domain.image import CutShort, Fetcher, FetchFailed, TagList
from worker.domain.image_record import ImageRecord
from worker.domain.refresh import RefreshDecision, decide_refresh
from worker.domain.schedule import Intervals
from worker.events.publish import Publisher
from worker.registries.budget.budget import Budget, LeftAlone, Slot
from worker.registries.http.deadline import LOOK_S
from worker.store.image_store import ImageStore
from worker.store.images import Claim
from worker.versions.claimed import ClaimedImages, ClaimLost
from worker.versions.dispatch import TASK_IMAGES
from worker.versions.refresh_log import Ending, RefreshLog

logger = logging.getLogger(__name__)


class RefreshReport(NamedTuple):
    """How a task went.

    ``reasons``: how many images ended for which reason: those of ``worker.domain.refresh``, and ``unused``
    (no plugin uses it), ``requested`` (no plugin uses it, but it was requested meanwhile), ``claim_lost``,
    ``time_over`` and ``stopping``.
    ``again``: whether the budget group is to be dispatched again now.
    """

    reasons: dict[str, int]
    again: bool


class Refresh:
    """Reads and writes the images of tasks.

    ``stopping``: returns whether the process is to end.
    A task that takes twice the time of a claim makes room for those of other groups.
    """

    def __init__(
        self,
        store: ImageStore,
        budget: Budget,
        fetcher: Fetcher,
        publisher: Publisher,
        intervals: Intervals,
        clock: Clock,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._budget = budget
        self._fetcher = fetcher
        self._publisher = publisher
        self._intervals = intervals
        self._clock = clock
        self._stopping = stopping
        self._log = RefreshLog(clock)

    def run(self, budget_group: str, keys: Sequence[str], token: str) -> RefreshReport:
        """Refresh the images ``keys`` of a budget group, claimed under ``token``.

        Raises ``Unavailable`` when the store or Redis is away: the claims lapse, and the images are claimed
        again.
        """
        claimed = ClaimedImages(self._store.queue, list(keys), token, self._clock)
        reasons: Counter[str] = Counter()
        try:
            for reason in self._read(claimed, budget_group, token):
                reasons[reason] += 1
        finally:
            with _left_to_lapse("claims"):
                claimed.give_back()
            with _left_to_lapse("slot"):
                self._budget.release(budget_group, token)
        return RefreshReport(dict(reasons), again=not {"throttled", "stopping"} & reasons.keys())

    def _read(self, claimed: ClaimedImages, budget_group: str, token: str) -> Iterator[str]:
        """Read one image after the other; yield the reason of each, the last of which may end the task."""
        ends = self._clock.now() + timedelta(seconds=2 * self._store.queue.claim_s)
        slot: Slot | None = None
        for _ in range(2 * TASK_IMAGES):
            if self._stopping():
                yield "stopping"
                return
            key = claimed.next(budget_group)
            if key is None:
                return
            if self._clock.now() >= ends:
                yield "time_over"
                return
            claim = self._store.images.read_claimed(key, token)
            if claim is None:
                yield "claim_lost"
                continue
            claimed.confirm()
            slot = slot or self._budget.slot(budget_group, claim.image.ref.registry_type, token)
            try:
                ending = self._refresh(claim, claimed, slot)
            except CutShort:
                yield "stopping"
                return
            self._log.write(key, budget_group, ending)
            yield ending.reason
            if ending.reason == "throttled":
                return

    def _refresh(self, claim: Claim, claimed: ClaimedImages, slot: Slot) -> Ending:
        try:
            return self._refresh_used(claim, claimed, slot)
        except (CutShort, Unavailable):
            raise
        except Exception as error:
            # It would be the first of every task to come: the others must not wait until the fault is mended.
            key = claim.image.ref.key
            logger.exception("a fault while %s was refreshed", key, extra={"subject": key})
            failure = FetchFailed("malformed", detail=f"a fault of ours: {type(error).__name__}")
            return self._conclude(claim, claimed, failure)

    def _refresh_used(self, claim: Claim, claimed: ClaimedImages, slot: Slot) -> Ending:
        if not self._store.users.any(claim.image.ref):
            if self._store.images.unfollow(claim):
                claimed.done()
                return Ending("unused")
            claimed.give_back_current()
            return Ending("requested")
        try:
            outcome = self._fetch(claim.image, claimed, slot)
        except ClaimLost:
            return Ending("claim_lost")
        return self._conclude(claim, claimed, outcome)

    def _conclude(self, claim: Claim, claimed: ClaimedImages, outcome: TagList | FetchFailed) -> Ending:
        now = self._clock.now()
        decision = decide_refresh(claim.image, outcome, now, self._intervals)
        ending = Ending.of(claim.image, decision, outcome)
        if decision.reason == "throttled":
            # Our own budget is no news: the registry itself has said so before.
            return ending._replace(is_news=not isinstance(outcome, LeftAlone))
        written = self._write(claim, decision, now)
        claimed.done()
        return ending if written else Ending("claim_lost")

    def _fetch(self, image: ImageRecord, claimed: ClaimedImages, slot: Slot) -> TagList | FetchFailed:
        def before_request() -> None:
            claimed.renew()
            self._wait(slot.acquire())

        domains = self._fetcher.domains(image.ref)
        if domains is not None and not self._store.users.any(image.ref, domains):
            return FetchFailed("auth", detail="none of its plugins may use the credential")
        # A list that must be confirmed, or is known in part only, is read whole.
        whole = not image.listed or image.truncated or image.suspicious is not None
        try:
            tags = self._fetcher.fetch(
                image.ref, before_request, None if whole else frozenset(image.versions)
            )
        except FetchFailed as failure:
            cooldown_s = slot.failed(failure)
            if cooldown_s is not None:
                # Else it would be the first to be asked for after each cooldown, and perhaps the only one.
                claimed.put_last(cooldown_s)
            return failure
        if tags.failure is None:
            slot.listed()
        else:
            slot.failed(tags.failure)
        return tags

    def _wait(self, seconds: float) -> None:
        """Wait for the pace of the group. Raises ``CutShort`` if the process is to end before."""
        while seconds > 0:
            if self._stopping():
                raise CutShort
            self._clock.sleep(min(seconds, LOOK_S))
            seconds -= LOOK_S

    def _write(self, claim: Claim, decision: RefreshDecision, now: datetime) -> bool:
        """Write, then publish. Events of earlier changes go out first, so that they can leave the outbox."""
        images, after = self._store.images, decision.image
        if decision.change is None:
            return images.write(claim, after, now, urgent=decision.urgent)
        if after.outbox:
            after = after.published(self._publisher.publish(images.subject(claim.image, now)).last)
        after = after.announced(decision.change, self._store.users.of(after.ref), now)
        if not images.write(claim, after, now, urgent=decision.urgent):
            return False
        self._publisher.publish(images.subject(after, now))
        return True


@contextmanager
def _left_to_lapse(what: str) -> Iterator[None]:
    """Log that something cannot be given back, because a server is away: it lapses by itself."""
    try:
        yield
    except Unavailable as error:
        logger.warning("could not give back the %s: %s", what, error)
