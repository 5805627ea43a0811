"""What is known of an image, and the events of its version list."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from contracts.events import IMAGE_VERSIONS_CHANGED
from contracts.results import SyncState
from contracts.values import format_time
from worker.domain.events import ListSummary, Pending, Subject, Users, versions_changed
from worker.domain.image import FailureReason, ImageRef
from worker.domain.versions import VersionsChange


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What is known of an image: its document, without claim and priority.

    ``versions``: all tags, newest first.
    ``digest``: ``sha256:`` of the sorted tags.
    ``revision``: counts the changes of the list from 1; 0: never read.
    ``next_refresh_at``: when it is due; None: it is not followed, because no plugin uses it.
    ``interval_s``: the present time between two readings, in seconds; 0: never read.
    ``failures``, ``not_found_in_row``: readings in a row that failed, and that found no such image.
    ``last_error``: why the last reading failed, or stopped before the end of the list; None: it did not, or
    a version of this program stored it that had other reasons.
    ``last_detail``: one sentence for operators about that, or about why the list is truncated.
    ``failing_since``: when the first of the failures in a row came; None: there are none, or it is not known.
    ``suspicious``: the digest of a list that lost so much that only a second such reading counts.
    ``outbox``: the events that may not be on the stream yet.
    """

    ref: ImageRef
    state: SyncState = "pending"
    versions: tuple[str, ...] = ()
    digest: str = ""
    revision: int = 0
    truncated: bool = False
    synced_at: datetime | None = None
    changed_at: datetime | None = None
    next_refresh_at: datetime | None = None
    interval_s: float = 0.0
    failures: int = 0
    not_found_in_row: int = 0
    suspicious: str | None = None
    last_error: FailureReason | None = None
    last_detail: str | None = None
    failing_since: datetime | None = None
    outbox: tuple[Pending, ...] = ()

    @property
    def listed(self) -> bool:
        """Return whether there is a version list to answer with."""
        return self.synced_at is not None

    def stale(self, now: datetime) -> bool:
        """Return whether it is past its due time, its last reading failed, or it is not followed any more."""
        return (
            self.state != "ok"
            or self.next_refresh_at is None
            or self.next_refresh_at <= now
            or self.failures > 0
        )

    def published(self, revision: int) -> Self:
        """Return the record without the events up to ``revision``."""
        return replace(self, outbox=tuple(event for event in self.outbox if event.revision > revision))

    def announced(self, change: VersionsChange, users: Users, now: datetime) -> Self:
        """Return the record with the event of its present revision in the outbox."""
        event = self._event(change, ListSummary.of(self.versions), users, now)
        return replace(self, outbox=(*self.outbox, event))

    def subject(self, users: Callable[[], Users], now: datetime) -> Subject:
        """Return the record as a subject of events.

        ``users``: asked only when lost events must be replaced.
        """
        summary = ListSummary.of(self.versions)
        # Hundreds of subjects are loaded at once: the longest of their lists would not fit into memory.
        short = replace(self, versions=())

        def present() -> Pending:
            return short._event(VersionsChange(), summary, users(), now, gap=True)

        return Subject(IMAGE_VERSIONS_CHANGED, self.ref.subject, self.revision, self.outbox, present)

    def _event(
        self, change: VersionsChange, summary: ListSummary, users: Users, now: datetime, *, gap: bool = False
    ) -> Pending:
        data = versions_changed(self.ref, self.revision, self.digest, change, summary, users)
        return Pending(revision=self.revision, time=format_time(now), data=data, gap=gap)
