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
from worker.events.mark import Mark
from worker.events.positions import StreamPosition
from worker.events.publish import Publisher

logger = logging.getLogger(__name__)

_CHUNK = 500
_REMEMBERED = 100_000

Positions = tuple[Position, StreamPosition]
"""How far a subject is in the store, and on the stream."""


@dataclass(slots=True)
class Report:
    """The result of one pass.

    ``seen``, ``repaired``, ``ahead``: subjects in all, those whose events it published or repaired, and those
    whose stream is ahead of the store. ``is_sound``: whether Redis lost nothing before the pass, or, for a
    comparison, during it.
    """

    seen: int = 0
    repaired: int = 0
    ahead: int = 0
    is_sound: bool = True


class Sweep:
    """Brings the stream up to the store, for several kinds of subjects.

    ``mark``: tells of a Redis that lost data; an outbox is emptied only if it would tell of a loss of the
    events.
    ``grace_s``: leave events younger than this to their writer, in seconds.
    ``between``: called between two chunks; it may raise to end a pass.
    """

    def __init__(
        self,
        kinds: Sequence[Subjects],
        publisher: Publisher,
        mark: Mark,
        grace_s: float = 2.0,
        clock: Clock | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._kinds = kinds
        self._publisher = publisher
        self._mark = mark
        self._grace = timedelta(seconds=grace_s)
        self._now = (clock or Clock.system()).now
        self._between = between
        self._ahead = _Ahead()

    def pending(self) -> Report:
        """Publish the outboxes that have waited longer than the grace, and empty them.

        They stay as they are after Redis has lost data: compare everything first.
        """
        report = Report(is_sound=self._mark.is_kept())
        return self._pass(lambda subjects: subjects.pending(self._now() - self._grace), report, clear=True)

    def compare(self) -> Report:
        """Compare every subject with the stream, and repair what the stream lacks."""
        self._ahead.forget()
        self._mark.put()
        report = self._pass(lambda subjects: subjects.revisions(), Report(), clear=False)
        report.is_sound = report.is_sound and self._mark.is_found_again()
        if report.is_sound:
            self._mark.keep()
        return report

    def _pass(
        self, positions_of: Callable[[Subjects], Iterator[Position]], report: Report, clear: bool
    ) -> Report:
        try:
            for subjects in self._kinds:
                positions = positions_of(subjects)
                while chunk := list(islice(positions, _CHUNK)):
                    self._settle(subjects, chunk, report, clear)
                    self._between()
        finally:
            self._ahead.log()
        return report

    def _clear(self, subjects: Subjects, published: dict[str, int], report: Report) -> None:
        if not (published and report.is_sound):
            return
        report.is_sound = self._mark.move(subjects.event_type, published)
        if report.is_sound:
            # First: who finds the outboxes empty must know what Redis has to have.
            self._mark.keep()
            subjects.clear(published)

    def _settle(self, subjects: Subjects, positions: list[Position], report: Report, clear: bool) -> None:
        done, repaired = self._bring_up(subjects, positions, report)
        if clear:
            self._clear(subjects, done | repaired, report)
        elif repaired:
            report.is_sound &= self._mark.move(subjects.event_type, repaired)

    def _bring_up(
        self, subjects: Subjects, positions: list[Position], report: Report
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Publish what the stream lacks of some subjects. Return the revisions that it had, and those that
        it has now.
        """
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
        return done, self._repair(subjects, behind, report)

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
