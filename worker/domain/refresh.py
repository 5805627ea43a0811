"""What a registry's answer means for an image: a pure decision."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from contracts.results import SyncState
from worker.domain.image import FailureReason, FetchFailed, Image, Listing, digest_of
from worker.domain.schedule import CONFIRM_S, DENIED_FIRST_S, Intervals, backoff, jittered, share
from worker.domain.versions import newest_first, without_attachments

NOT_FOUND_AFTER = 3

Reason = Literal[
    "first_list",
    "changed",
    "changed_hidden",
    "unchanged",
    "loss_unconfirmed",
    "throttled",
    "unavailable",
    "auth_failed",
    "refused",
    "not_found_unconfirmed",
    "not_found",
]
"""Why a refresh ended as it did; the same word in log, metric and test."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change did to the versions, newest first; ``initial``: there was no list before."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    initial: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The image as it is now, what changed of its list (None: nothing to tell), and the reason.

    ``again``: due at once and before others, because one more reading settles what somebody waits for.
    """

    image: Image
    change: Change | None
    reason: Reason
    again: bool = False

    def without_published(self, last: int) -> Self:
        """The decision, but events up to revision ``last``, which are on the stream, leave the outbox."""
        outbox = tuple(event for event in self.image.outbox if event.revision > last)
        return replace(self, image=replace(self.image, outbox=outbox))


def decide(image: Image, outcome: Listing | FetchFailed, now: datetime, intervals: Intervals) -> Decision:
    """What the ``outcome`` of a fetch means for ``image`` (``Image(ref)`` where nothing is known yet)."""
    if isinstance(outcome, FetchFailed):
        return _failed(image, outcome, now, intervals)
    return _listed(image, outcome, now, intervals)


def _failed(image: Image, failure: FetchFailed, now: datetime, intervals: Intervals) -> Decision:
    """A failure never touches the list. The host's throttling is not the image's fault: it stays as it is."""
    if failure.reason == "throttled":
        return Decision(image, None, "throttled")
    failed = replace(image, failures=image.failures + 1, last_error=failure.reason, not_found_in_row=0)
    if failure.reason == "not_found":
        return _not_found(replace(failed, not_found_in_row=image.not_found_in_row + 1), now, intervals)
    chance = _chance(image, now)
    if failure.reason == "unavailable":
        wait_s = backoff(failed.failures, chance)
        wait_s = max(wait_s, min(failure.retry_after or 0.0, intervals.max_s))
    else:
        wait_s = _denied(failed.failures, chance, intervals)
    state: SyncState = "auth_failed" if failure.reason == "auth_failed" else "unavailable"
    return Decision(
        replace(failed, state=state, next_refresh_at=_after(now, wait_s)), None, _REASONS[failure.reason]
    )


_REASONS: dict[FailureReason, Reason] = {
    "unavailable": "unavailable",
    "auth_failed": "auth_failed",
    "refused": "refused",
}


def _not_found(image: Image, now: datetime, intervals: Intervals) -> Decision:
    """Believed at the third in a row; until then an image without a list is read at once."""
    row, chance = image.not_found_in_row, _chance(image, now)
    if row >= NOT_FOUND_AFTER:
        due = _after(now, _denied(row - NOT_FOUND_AFTER + 1, chance, intervals))
        return Decision(replace(image, state="not_found", next_refresh_at=due), None, "not_found")
    if not image.listed:
        return Decision(replace(image, next_refresh_at=now), None, "not_found_unconfirmed", again=True)
    due = _after(now, backoff(row, chance))
    return Decision(replace(image, next_refresh_at=due), None, "not_found_unconfirmed")


def _listed(image: Image, listing: Listing, now: datetime, intervals: Intervals) -> Decision:
    before = frozenset(image.versions)
    after = frozenset(listing.tags) if listing.complete else before.union(listing.tags)
    digest = digest_of(after)
    read = replace(image, failures=0, not_found_in_row=0, suspicious=None, last_error=None)
    if _is_suspicious(image, before, after, listing) and not _is_confirmed(image, after, digest):
        return _unconfirmed(read, digest, now, intervals)
    truncated = listing.truncated or (image.truncated and not listing.complete)
    read = replace(read, state="ok", digest=digest, truncated=truncated, synced_at=now)
    versions = tuple(newest_first(after))  # of a list that is the same too: it may be in an older order
    read = replace(read, versions=versions)
    if image.listed and after == before:
        return Decision(_scheduled(read, now, intervals, changed=False), None, "unchanged")
    read = _scheduled(read, now, intervals, changed=True)
    change = _change(image, before, versions)
    if truncated:  # each new tag pushes an old one out, which is still there
        change = replace(change, removed=())
    if image.listed and not change.added and not change.removed:
        return Decision(read, None, "changed_hidden")
    read = replace(read, revision=image.revision + 1, changed_at=now)
    return Decision(read, change, "changed" if image.listed else "first_list")


def _is_suspicious(image: Image, before: frozenset[str], after: frozenset[str], listing: Listing) -> bool:
    """An empty list, or one that lost more than half, is more often a registry's slip than the truth; and
    one that changed while it was read may lack what is there.
    """
    if image.listed and not before:
        return False
    lost = before - after
    return not after or 2 * len(lost) > len(before) or (listing.shifted and bool(lost))


def _is_confirmed(image: Image, after: frozenset[str], digest: str) -> bool:
    """Whether the reading before was suspicious too. It need not be the same list, which may never come
    twice; but an empty one is confirmed by an empty one alone.
    """
    return image.suspicious is not None and (bool(after) or image.suspicious == digest)


def _unconfirmed(read: Image, digest: str, now: datetime, intervals: Intervals) -> Decision:
    again = not read.listed
    due = now if again else _after(now, min(CONFIRM_S, intervals.min_s))
    state: SyncState = "ok" if read.listed else "pending"
    held = replace(read, state=state, suspicious=digest, next_refresh_at=due)
    return Decision(held, None, "loss_unconfirmed", again=again)


def _change(image: Image, before: frozenset[str], versions: tuple[str, ...]) -> Change:
    after = frozenset(versions)
    added = without_attachments(tag for tag in versions if tag not in before)
    removed = without_attachments(tag for tag in image.versions if tag not in after)
    return Change(added, removed, initial=not image.listed)


def _scheduled(image: Image, now: datetime, intervals: Intervals, *, changed: bool) -> Image:
    interval_s = intervals.adapted(image.interval_s, changed=changed)
    due = _after(now, jittered(interval_s, _chance(image, now)))
    return replace(image, interval_s=interval_s, next_refresh_at=due)


def _denied(failures: int, chance: float, intervals: Intervals) -> float:
    """A registry that said no is asked less and less often, up to the longest interval."""
    return backoff(failures, chance, first_s=min(DENIED_FIRST_S, intervals.max_s), max_s=intervals.max_s)


def _chance(image: Image, now: datetime) -> float:
    return share(image.ref.subject, now.isoformat())


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(milliseconds=round(seconds * 1_000))
