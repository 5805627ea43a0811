"""Reconcile: bring a store that was restored from a backup above the events that are already published.

The stream is then ahead: some of its events carry changes that the store no longer has, and cannot be taken
back. Each such subject goes on above the stream, with one event that carries its present state.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from contracts._redis.outage import translate_outage
from contracts.events import STREAM
from worker.domain.subjects import Subjects
from worker.events.publish import Publisher
from worker.events.unavailable import EVENTS_AWAY, EventsUnavailable

_CHUNK = 500
_TRIES = 5

What = Literal["lift", "hold"]


@dataclass(frozen=True, slots=True)
class Ahead:
    """A subject whose stream is ahead of the store.

    ``what``: the repair. ``lift``: the store has the subject, and its revision is raised. ``hold``: the store
    does not have it, and a placeholder reserves the revisions that are used up.
    ``store``, ``stream``: the last revision there; 0 if the store has none.
    """

    what: What
    type: str
    subject: str
    store: int
    stream: int


@dataclass(frozen=True, slots=True)
class Repaired:
    """The outcome of a repair: the ``revision`` that the subject has now, or None if it failed."""

    ahead: Ahead
    revision: int | None


class Reconcile:
    """Finds and repairs the subjects whose stream is ahead of the store. Workers may go on meanwhile.

    ``client``: a redis-py client of the events.

    Raises: ``StoreUnavailable``, ``EventsUnavailable``; then everything may be done again.
    """

    def __init__(self, kinds: Sequence[Subjects], publisher: Publisher, client: Any) -> None:
        self._kinds = {subjects.event_type: subjects for subjects in kinds}
        self._publisher = publisher
        self._redis = client

    def find(self) -> Iterator[Ahead]:
        """Yield every subject whose stream is ahead; change nothing."""
        for event_type, subjects in self._kinds.items():
            for names in self._publisher.subjects(event_type, _CHUNK):
                yield from self._find(subjects, names)

    def repair(self) -> Iterator[Repaired]:
        """Find and repair them."""
        found = list(self.find())
        wanted = {a.subject: a.type for a in found if self._needs_last_event(a)}
        last_events = self._last_events(wanted)
        for ahead in found:
            if ahead.what == "hold":
                yield self._reserve(ahead, last_events.get(ahead.subject))
            else:
                yield self._raise(ahead)

    def _needs_last_event(self, ahead: Ahead) -> bool:
        return ahead.what == "hold" and self._kinds[ahead.type].needs_last_event

    def _find(self, subjects: Subjects, names: Sequence[str]) -> Iterator[Ahead]:
        # The stream first: an event that is published meanwhile was written before, so the store has it.
        positions = self._publisher.positions(subjects.event_type, names)
        histories = subjects.histories(names)
        for name, (last, digest) in zip(names, positions, strict=True):
            history = histories.get(name)
            if last and (history is None or not history.revision):
                yield Ahead("hold", subjects.event_type, name, 0, last)
            elif history and (last > history.revision or history.digests.get(last, digest) != digest):
                yield Ahead("lift", subjects.event_type, name, history.revision, last)

    def _again(self, ahead: Ahead) -> Ahead | None:
        return next(self._find(self._kinds[ahead.type], [ahead.subject]), None)

    def _raise(self, ahead: Ahead) -> Repaired:
        subjects = self._kinds[ahead.type]
        for _ in range(_TRIES):
            now = datetime.now(UTC)
            revision = subjects.raise_revision(ahead.subject, ahead.stream, now)
            if revision is not None:
                # If this process ends before it has published, the sweep publishes.
                results = self._publisher.publish_many(subjects.load([ahead.subject], now))
                if all(result.outcome == "ok" for result in results):
                    subjects.clear({ahead.subject: revision})
                return Repaired(ahead, revision)
            again = self._again(ahead)
            if again is None:
                return Repaired(ahead, ahead.stream)
            ahead = again
        return Repaired(ahead, None)

    def _reserve(self, ahead: Ahead, last_event: Mapping[str, Any] | None) -> Repaired:
        subjects = self._kinds[ahead.type]
        if subjects.reserve_revision(ahead.subject, ahead.stream, last_event, datetime.now(UTC)):
            return Repaired(ahead, ahead.stream)
        again = self._again(ahead)
        if again is not None and again.what == "lift":
            return self._raise(again)
        return Repaired(ahead, None if again else ahead.stream)

    def _last_events(self, wanted: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
        """Return the data of the last event of each subject that the stream still has, given its type."""
        found: dict[str, Mapping[str, Any]] = {}
        newest = "+"
        while len(found) < len(wanted):
            with translate_outage(EventsUnavailable, EVENTS_AWAY):
                rows = self._redis.xrevrange(STREAM, max=newest, count=_CHUNK)
            for _, fields in rows:
                subject, event_type = (
                    fields.get(name, b"").decode("utf-8", "replace") for name in (b"subject", b"type")
                )
                if subject not in found and wanted.get(subject) == event_type:
                    found[subject] = json.loads(fields[b"data"])
            if len(rows) < _CHUNK:
                break
            newest = f"({rows[-1][0].decode()}"
        return found
