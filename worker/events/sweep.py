"""The sweep: publish what a crash left in the outboxes, and repair a stream that lost events.

It runs beside the writes and needs no beat. Everything it does may be done twice.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol

from worker.domain.event import ANY, Mark, Subject
from worker.events.publish import Publisher

logger = logging.getLogger(__name__)

_CHUNK = 500
_REMEMBERED = 100_000

Place = tuple[Mark, tuple[int, str]]
"""How far a subject is in the store, and its last revision and digest on the stream."""


class Source(Protocol):
    """A collection of subjects with outboxes."""

    event_type: str

    def pending(self, before: datetime) -> Iterator[Mark]: ...

    def revisions(self) -> Iterator[Mark]: ...

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]: ...

    def clear(self, published: dict[str, int]) -> None: ...


@dataclass(slots=True)
class Report:
    """What one pass met: subjects in all, those whose events it made good, and those whose stream is ahead of
    the store.
    """

    seen: int = 0
    repaired: int = 0
    ahead: int = 0


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
        self._ahead = _Ahead()

    def pending(self) -> Report:
        """Publish and clear the outboxes that have waited longer than the grace."""
        return self._pass(lambda source: source.pending(self._clock() - self._grace), clear=True)

    def compare(self) -> Report:
        """Compare every subject with the stream, and repair what the stream lacks."""
        self._ahead.forget()
        return self._pass(lambda source: source.revisions(), clear=False)

    def _pass(self, marks_of: Callable[[Source], Iterator[Mark]], clear: bool) -> Report:
        report = Report()
        try:
            for source in self._sources:
                for marks in _chunks(marks_of(source)):
                    self._settle(source, marks, report, clear)
                    self._between()
        finally:
            self._ahead.tell()
        return report

    def _settle(self, source: Source, marks: list[Mark], report: Report, clear: bool) -> None:
        report.seen += len(marks)
        on_stream = self._publisher.marks(source.event_type, [mark.name for mark in marks])
        done: dict[str, int] = {}
        behind: dict[str, Place] = {}
        for mark, last in zip(marks, on_stream, strict=True):
            revision, digest = last
            if revision == mark.revision and (mark.digest in (None, digest) or digest == ANY):
                done[mark.name] = mark.revision
            elif self._ahead.has(source.event_type, (mark, last)):
                report.ahead += 1
            else:
                behind[mark.name] = mark, last
        repaired = self._repair(source, behind, report)
        source.clear(done | repaired if clear else repaired)

    def _repair(self, source: Source, behind: Mapping[str, Place], report: Report) -> dict[str, int]:
        done, ahead = self._publish(source, behind)
        # A writer may have moved a subject between our read and our publish: only what a second look confirms
        # is ahead.
        late, ahead = self._publish(source, ahead)
        for name in ahead:
            self._ahead.add(source.event_type, behind[name])
        report.ahead += len(ahead)
        report.repaired += len(done) + len(late)
        return done | late

    def _publish(self, source: Source, names: Collection[str]) -> tuple[dict[str, int], list[str]]:
        """Publish subjects: the revisions of those whose events are out now, and the names of those whose
        stream is ahead.
        """
        subjects = source.load(names, self._clock()) if names else []
        results = list(zip(subjects, self._publisher.publish_many(subjects), strict=True))
        out = {subject.name: subject.revision for subject, result in results if result.outcome != "ahead"}
        return out, [subject.name for subject, result in results if result.outcome == "ahead"]


class _Ahead:
    """Subjects known to be ahead on the stream: looked at again when they have moved, and told of once.

    A restored store may leave any number of them, which wait for an operator while the sweep goes on every
    second. Of more than 100,000 nothing is remembered, and nothing more is told.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Place] = {}
        self._new: list[Place] = []

    def has(self, event_type: str, place: Place) -> bool:
        """Whether a subject is known to be ahead where it is now."""
        return self._known.get((event_type, place[0].name)) == place

    def add(self, event_type: str, place: Place) -> None:
        """A subject is ahead."""
        subject = event_type, place[0].name
        if subject not in self._known:
            if len(self._known) >= _REMEMBERED:
                return
            self._new.append(place)
        self._known[subject] = place

    def forget(self) -> None:
        """Look at all of them again, and tell of them again."""
        self._known.clear()

    def tell(self) -> None:
        """Log what is new, in one line."""
        if not self._new:
            return
        mark, (last, _) = self._new[0]
        logger.error(
            "the stream is ahead of the store for %d more subject(s), such as %s: at %d there, at %d here; "
            "their events wait for 'plugins events reconcile'",
            len(self._new),
            mark.name,
            last,
            mark.revision,
        )
        self._new.clear()


def _chunks(marks: Iterator[Mark]) -> Iterator[list[Mark]]:
    while chunk := list(islice(marks, _CHUNK)):
        yield chunk
