"""The sweep: publish what a crash left in the outboxes, and repair a stream that lost events.

It runs beside the writes and needs no beat. Everything it does may be done twice.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from worker.domain.clock import Clock
from worker.domain.events import ANY, Position
from worker.domain.subjects import Subjects
from worker.events.publish import Publisher, StreamPosition

logger = logging.getLogger(__name__)

_CHUNK = 500
_REMEMBERED = 100_000

Positions = tuple[Position, StreamPosition]
"""How far a subject is in the store, and on the stream."""


@dataclass(slots=True)
class Report:
    """The result of one pass: subjects in all, subjects whose events it published or repaired, and subjects
    whose stream is ahead of the store.
    """

    seen: int = 0
    repaired: int = 0
    ahead: int = 0


class Sweep:
    """Brings the stream up to the store, for several kinds of subjects.

    ``grace_s``: leave events younger than this to their writer, in seconds.
    ``between``: called between two chunks; it may raise to end a pass.
    """

    def __init__(
        self,
        kinds: Sequence[Subjects],
        publisher: Publisher,
        grace_s: float = 2.0,
        clock: Clock | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._kinds = kinds
        self._publisher = publisher
        self._grace = timedelta(seconds=grace_s)
        self._now = (clock or Clock.system()).now
        self._between = between
        self._ahead = _Ahead()

    def pending(self) -> Report:
        """Publish and clear the outboxes that have waited longer than the grace."""
        return self._pass(lambda subjects: subjects.pending(self._now() - self._grace), clear=True)

    def compare(self) -> Report:
        """Compare every subject with the stream, and repair what the stream lacks."""
        self._ahead.forget()
        return self._pass(lambda subjects: subjects.revisions(), clear=False)

    def _pass(self, positions_of: Callable[[Subjects], Iterator[Position]], clear: bool) -> Report:
        report = Report()
        try:
            for subjects in self._kinds:
                positions = positions_of(subjects)
                while chunk := list(islice(positions, _CHUNK)):
                    self._settle(subjects, chunk, report, clear)
                    self._between()
        finally:
            self._ahead.log()
        return report

    def _settle(self, subjects: Subjects, positions: list[Position], report: Report, clear: bool) -> None:
        report.seen += len(positions)
        on_stream = self._publisher.positions(subjects.event_type, [each.name for each in positions])
        done: dict[str, int] = {}
        behind: dict[str, Positions] = {}
        for stored, published in zip(positions, on_stream, strict=True):
            is_same = stored.digest in (None, published.digest) or published.digest == ANY
            if published.revision == stored.revision and is_same:
                done[stored.name] = stored.revision
            elif self._ahead.has(subjects.event_type, (stored, published)):
                report.ahead += 1
            else:
                behind[stored.name] = stored, published
        repaired = self._repair(subjects, behind, report)
        subjects.clear(done | repaired if clear else repaired)

    def _repair(self, subjects: Subjects, behind: Mapping[str, Positions], report: Report) -> dict[str, int]:
        done, ahead = self._publish(subjects, behind)
        # A writer may have moved a subject between our read and our publish: it counts as ahead only if a
        # second look confirms it.
        late, ahead = self._publish(subjects, ahead)
        for name in ahead:
            self._ahead.add(subjects.event_type, behind[name])
        report.ahead += len(ahead)
        report.repaired += len(done) + len(late)
        return done | late

    def _publish(self, subjects: Subjects, names: Collection[str]) -> tuple[dict[str, int], list[str]]:
        """Publish subjects. Return the revisions of those whose events are on the stream now, and the names
        of those whose stream is ahead.
        """
        loaded = subjects.load(names, self._now()) if names else []
        results = list(zip(loaded, self._publisher.publish_many(loaded), strict=True))
        out = {subject.name: subject.revision for subject, result in results if result.outcome != "ahead"}
        return out, [subject.name for subject, result in results if result.outcome == "ahead"]


class _Ahead:
    """The subjects known to be ahead on the stream: checked again when they have moved, and logged once.

    A restored store may leave any number of them, which wait for an operator while the sweep goes on every
    second. It remembers 100,000 at most, and logs no others.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Positions] = {}
        self._new: list[Positions] = []

    def has(self, event_type: str, positions: Positions) -> bool:
        """Return whether a subject is known to be ahead, and has not moved since."""
        return self._known.get((event_type, positions[0].name)) == positions

    def add(self, event_type: str, positions: Positions) -> None:
        """Note that a subject is ahead."""
        subject = event_type, positions[0].name
        if subject not in self._known:
            if len(self._known) >= _REMEMBERED:
                return
            self._new.append(positions)
        self._known[subject] = positions

    def forget(self) -> None:
        """Check all of them again, and log them again."""
        self._known.clear()

    def log(self) -> None:
        """Log the new ones, in one line."""
        if not self._new:
            return
        stored, published = self._new[0]
        logger.error(
            "the stream is ahead of the store for %d more subject(s), such as %s: revision %d on the stream, "
            "%d in the store; their events wait for 'plugins events reconcile'",
            len(self._new),
            stored.name,
            published.revision,
            stored.revision,
        )
        self._new.clear()
