"""The sweep: publish what a crash left in the outboxes, and repair a stream that lost events.

It runs beside the writes and needs no beat. Everything it does may be done twice.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol

from worker.domain.event import ANY, Mark, Subject
from worker.events.publish import Publisher

_log = logging.getLogger(__name__)

_CHUNK = 500


class Source(Protocol):
    """A collection of subjects with outboxes."""

    event_type: str

    def pending(self, before: datetime) -> Iterator[Mark]: ...

    def revisions(self) -> Iterator[Mark]: ...

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]: ...

    def clear(self, published: dict[str, int]) -> None: ...


@dataclass(slots=True)
class Report:
    """What one pass did: events made good, and subjects whose stream is ahead of the store (name, store's and
    stream's revision).
    """

    seen: int = 0
    repaired: int = 0
    ahead: list[tuple[str, int, int]] = field(default_factory=list)


def _now() -> datetime:
    return datetime.now(UTC)


class Sweep:
    """Brings the stream up to the store, for several kinds of subjects.

    ``grace_s`` leaves the newest events to the writer that is about to publish them itself.
    ``between`` is called between chunks; it may raise to end a pass.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        publisher: Publisher,
        grace_s: float = 2.0,
        clock: Callable[[], datetime] = _now,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._sources = sources
        self._publisher = publisher
        self._grace = timedelta(seconds=grace_s)
        self._clock = clock
        self._between = between

    def pending(self) -> Report:
        """Publish and clear the outboxes that have waited longer than the grace."""
        report = Report()
        for source in self._sources:
            for marks in _chunks(source.pending(self._clock() - self._grace)):
                self._settle(source, marks, report, clear=True)
        return report

    def compare(self) -> Report:
        """Compare every subject with the stream, and repair what the stream lacks."""
        report = Report()
        for source in self._sources:
            for marks in _chunks(source.revisions()):
                self._settle(source, marks, report, clear=False)
        return report

    def _settle(self, source: Source, marks: list[Mark], report: Report, clear: bool) -> None:
        report.seen += len(marks)
        on_stream = self._publisher.marks(source.event_type, [mark.name for mark in marks])
        done: dict[str, int] = {}
        behind: list[str] = []
        for mark, (last, digest) in zip(marks, on_stream, strict=True):
            if last == mark.revision and (mark.digest in (None, digest) or digest == ANY):
                done[mark.name] = mark.revision
            else:
                behind.append(mark.name)
        repaired = self._repair(source, behind, report)
        source.clear(done | repaired if clear else repaired)
        self._between()

    def _repair(self, source: Source, names: list[str], report: Report) -> dict[str, int]:
        subjects = source.load(names, self._clock())
        done: dict[str, int] = {}
        for subject, result in zip(subjects, self._publisher.publish_many(subjects), strict=True):
            if result.outcome == "ahead":
                self._confirm_ahead(source, subject.name, report)
            else:
                done[subject.name] = subject.revision
                report.repaired += 1
        return done

    def _confirm_ahead(self, source: Source, name: str, report: Report) -> None:
        """A writer may have moved the subject between our read and our publish: only what a second look
        confirms is ahead.
        """
        for subject in source.load([name], self._clock()):
            result = self._publisher.publish(subject)
            if result.outcome == "ahead":
                report.ahead.append((name, subject.revision, result.last))
                _log.error(
                    "the stream is ahead of the store: %s is at %d there and at %d here; its events wait for "
                    "'plugins events reconcile'",
                    name,
                    result.last,
                    subject.revision,
                )


def _chunks(marks: Iterator[Mark]) -> Iterator[list[Mark]]:
    while chunk := list(islice(marks, _CHUNK)):
        yield chunk
