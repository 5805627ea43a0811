"""What a registry's answer means for an image: a pure decision."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from contracts.results import SyncState
from worker.domain.image import FailureReason, FetchFailed, TagList, digest_of
from worker.domain.image_record import ImageRecord
from worker.domain.schedule import CONFIRM_S, DENIED_FIRST_S, Intervals, backoff, jittered, share
from worker.domain.versions import VersionsChange, newest_first, without_attachments

NOT_FOUND_AFTER = 3
KEPT = 50_000
"""How many tags a list has at most that only grows, because it is never read whole."""

Reason = (
    FailureReason
    | Literal[
        "first_list",
        "changed",
        "changed_hidden",
        "unchanged",
        "loss_unconfirmed",
        "not_found_unconfirmed",
    ]
)
"""Why a refresh ended as it did: the ``reason`` in the log."""

_DENIED: frozenset[FailureReason] = frozenset({"auth", "not_allowed"})


@dataclass(frozen=True, slots=True)
class RefreshDecision:
    """What a reading means for an image.

    ``image``: the record as it is now.
    ``change``: what changed of the list; None: there is nothing to announce.
    ``urgent``: due at once and before others, because somebody waits for what one more reading settles.
    """

    image: ImageRecord
    change: VersionsChange | None
    reason: Reason
    urgent: bool = False


def decide_refresh(
    image: ImageRecord, outcome: TagList | FetchFailed, now: datetime, intervals: Intervals
) -> RefreshDecision:
    """Return what the ``outcome`` of a fetch means for ``image``.

    ``image``: ``ImageRecord(ref)`` where nothing is known yet.
    """
    if isinstance(outcome, FetchFailed):
        return _failed(image, outcome, now, intervals)
    if outcome.failure is not None:
        return _interrupted(image, outcome, outcome.failure, now, intervals)
    return _listed(image, outcome, now, intervals)


def _failed(image: ImageRecord, failure: FetchFailed, now: datetime, intervals: Intervals) -> RefreshDecision:
    """Keep the list; and the whole record where the host throttles, which is not the image's fault."""
    if failure.reason == "throttled":
        return RefreshDecision(image, None, "throttled")
    failed = _with_failure(image, failure, now)
    if failure.reason == "not_found":
        return _not_found(replace(failed, not_found_in_row=image.not_found_in_row + 1), now, intervals)
    state: SyncState = "auth_failed" if failure.reason == "auth" else "unavailable"
    due = _after(now, _wait_s(failed, failure, now, intervals))
    return RefreshDecision(replace(failed, state=state, next_refresh_at=due), None, failure.reason)


def _with_failure(image: ImageRecord, failure: FetchFailed, now: datetime) -> ImageRecord:
    return replace(
        image,
        failures=image.failures + 1,
        not_found_in_row=0,
        last_error=failure.reason,
        last_detail=failure.detail,
        failing_since=image.failing_since or now,
    )


def _wait_s(failed: ImageRecord, failure: FetchFailed, now: datetime, intervals: Intervals) -> float:
    chance = _chance(failed, now)
    if failure.reason in _DENIED:
        return _denied(failed.failures, chance, intervals)
    return max(backoff(failed.failures, chance), min(failure.retry_after or 0.0, intervals.max_s))


def _not_found(image: ImageRecord, now: datetime, intervals: Intervals) -> RefreshDecision:
    """Believe it at the third in a row; until then an image without a list is read again at once."""
    row, chance = image.not_found_in_row, _chance(image, now)
    if row >= NOT_FOUND_AFTER:
        due = _after(now, _denied(row - NOT_FOUND_AFTER + 1, chance, intervals))
        return RefreshDecision(replace(image, state="not_found", next_refresh_at=due), None, "not_found")
    if not image.listed:
        return RefreshDecision(
            replace(image, next_refresh_at=now), None, "not_found_unconfirmed", urgent=True
        )
    due = _after(now, backoff(row, chance))
    return RefreshDecision(replace(image, next_refresh_at=due), None, "not_found_unconfirmed")


def _interrupted(
    image: ImageRecord, listed: TagList, failure: FetchFailed, now: datetime, intervals: Intervals
) -> RefreshDecision:
    """Take what was read before a page failed, and read the image again as soon as after any failure."""
    decision = _listed(image, listed, now, intervals)
    row = replace(decision.image, failures=image.failures, failing_since=image.failing_since)
    failed = _with_failure(row, failure, now)
    due = _after(now, _wait_s(failed, failure, now, intervals))
    return replace(decision, image=replace(failed, next_refresh_at=due))


def _listed(image: ImageRecord, listed: TagList, now: datetime, intervals: Intervals) -> RefreshDecision:
    before = frozenset(image.versions)
    after = _joined(before, listed)
    digest = digest_of(after)
    read = replace(
        image,
        failures=0,
        not_found_in_row=0,
        suspicious=None,
        last_error=None,
        last_detail=f"the list is truncated: {listed.detail}" if listed.detail else None,
        failing_since=None,
    )
    if _is_suspicious(image, before, after, listed) and not _is_confirmed(image, after, digest):
        return _unconfirmed(read, digest, now, intervals)
    is_part = listed.truncated or (image.truncated and not listed.complete)
    read = replace(read, state="ok", digest=digest, truncated=is_part or listed.shifted, synced_at=now)
    # The same list may be kept in the order of an older version of this program.
    versions = tuple(newest_first(after))
    read = replace(read, versions=versions)
    if image.listed and after == before:
        return RefreshDecision(_scheduled(read, now, intervals, changed=False), None, "unchanged")
    read = _scheduled(read, now, intervals, changed=True)
    change = _change(image, before, versions)
    if is_part:  # each new tag pushes an old one out, which is still there
        change = replace(change, removed=())
    if image.listed and not change.added and not change.removed:
        return RefreshDecision(read, None, "changed_hidden")
    read = replace(read, revision=image.revision + 1, changed_at=now)
    return RefreshDecision(read, change, "changed" if image.listed else "first_list")


def _joined(before: frozenset[str], listed: TagList) -> frozenset[str]:
    """Return all tags after a reading: a list that may lack some takes none away that is known.

    Of a list that is never read whole only so many are kept.
    """
    tags = frozenset(listed.tags)
    if not listed.truncated:
        return tags if listed.complete else before | tags
    room = max(0, KEPT - len(tags))
    known = before - tags
    return tags.union(known if len(known) <= room else newest_first(known)[:room])


def _is_suspicious(
    image: ImageRecord, before: frozenset[str], after: frozenset[str], listed: TagList
) -> bool:
    """Return whether the list is more likely an error of the registry than the truth.

    It is empty, it lost more than half, or it lost some and changed while it was read.
    """
    if image.listed and not before:
        return False
    lost = before - after
    return not after or 2 * len(lost) > len(before) or (listed.shifted and bool(lost))


def _is_confirmed(image: ImageRecord, after: frozenset[str], digest: str) -> bool:
    """Return whether the reading before was suspicious too.

    It need not be the same list, which may never come twice; but only an empty one confirms an empty one.
    """
    return image.suspicious is not None and (bool(after) or image.suspicious == digest)


def _unconfirmed(read: ImageRecord, digest: str, now: datetime, intervals: Intervals) -> RefreshDecision:
    urgent = not read.listed
    due = now if urgent else _after(now, min(CONFIRM_S, intervals.min_s))
    state: SyncState = "ok" if read.listed else "pending"
    unconfirmed = replace(read, state=state, suspicious=digest, next_refresh_at=due)
    return RefreshDecision(unconfirmed, None, "loss_unconfirmed", urgent=urgent)


def _change(image: ImageRecord, before: frozenset[str], versions: tuple[str, ...]) -> VersionsChange:
    after = frozenset(versions)
    added = without_attachments(tag for tag in versions if tag not in before)
    removed = without_attachments(tag for tag in image.versions if tag not in after)
    return VersionsChange(added, removed, initial=not image.listed)


def _scheduled(image: ImageRecord, now: datetime, intervals: Intervals, *, changed: bool) -> ImageRecord:
    interval_s = intervals.adapted(image.interval_s, changed=changed)
    due = _after(now, jittered(interval_s, _chance(image, now)))
    return replace(image, interval_s=interval_s, next_refresh_at=due)


def _denied(failures: int, chance: float, intervals: Intervals) -> float:
    """Return the wait for a registry that refuses: longer each time, up to the longest interval."""
    return backoff(failures, chance, first_s=min(DENIED_FIRST_S, intervals.max_s), max_s=intervals.max_s)


def _chance(image: ImageRecord, now: datetime) -> float:
    return share(image.ref.subject, now.isoformat())


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(milliseconds=round(seconds * 1_000))
