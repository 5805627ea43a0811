"""Reconcile: bring a store that was restored from a backup above the events that are out already.

The stream is then ahead: its events with those revisions told of changes that the store no longer has, and
cannot be taken back. Each such subject goes on above the stream, with one event that tells its present state.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from contracts._redis.outage import translate_outage
from contracts.events import STREAM
from worker.domain.event import Subject
from worker.events.publish import EVENTS_AWAY, EventsUnavailable, Publisher

_CHUNK = 500
_TRIES = 5

What = Literal["lift", "hold"]


class History(Protocol):
    """What the store has of a subject."""

    @property
    def revision(self) -> int: ...
    @property
    def digests(self) -> Mapping[int, str]: ...


class Lift(Protocol):
    """A collection of subjects whose revisions can be lifted; ``worker.store.lift`` has the real ones."""

    event_type: str
    needs_last_event: bool

    def histories(self, names: Iterable[str]) -> Mapping[str, History]: ...

    def lift(self, name: str, above: int, now: datetime) -> int | None: ...

    def hold(self, name: str, revision: int, told: Mapping[str, Any] | None, now: datetime) -> bool: ...

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]: ...

    def clear(self, published: dict[str, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Ahead:
    """A subject whose stream is ahead of the store; ``what`` repairs it.

    ``lift``: the store has the subject, at revision ``store``. ``hold``: it does not know it; a placeholder
    keeps the revisions that are used up.
    """

    what: What
    type: str
    subject: str
    store: int
    stream: int


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one: the ``revision`` that it has now, or None where it could not be repaired."""

    ahead: Ahead
    revision: int | None


class Reconcile:
    """Finds and repairs what the stream is ahead of. Workers may go on meanwhile.

    ``client`` is a redis-py client of the events. Raises ``StoreUnavailable`` and ``EventsUnavailable``;
    everything may be done again.
    """

    def __init__(self, lifts: Sequence[Lift], publisher: Publisher, client: Any) -> None:
        self._lifts = lifts
        self._publisher = publisher
        self._redis = client

    def find(self) -> Iterator[Ahead]:
        """Every subject that the stream is ahead of; nothing is changed."""
        for lift in self._lifts:
            for names in self._publisher.subjects(lift.event_type, _CHUNK):
                yield from self._find(lift, names)

    def repair(self) -> Iterator[Repaired]:
        """Find and repair them."""
        found = list(self.find())
        lifts = {lift.event_type: lift for lift in self._lifts}
        wanted = {a.subject: a.type for a in found if a.what == "hold" and lifts[a.type].needs_last_event}
        told = self._last_events(wanted)
        for ahead in found:
            lift = lifts[ahead.type]
            if ahead.what == "hold":
                yield self._hold(lift, ahead, told.get(ahead.subject))
            else:
                yield self._lift(lift, ahead)

    def _find(self, lift: Lift, names: Sequence[str]) -> Iterator[Ahead]:
        # The stream first: what is published meanwhile was written before, so the store has it as well.
        marks = self._publisher.marks(lift.event_type, names)
        histories = lift.histories(names)
        for name, (last, digest) in zip(names, marks, strict=True):
            history = histories.get(name)
            if last and (history is None or not history.revision):
                yield Ahead("hold", lift.event_type, name, 0, last)
            elif history and (last > history.revision or history.digests.get(last, digest) != digest):
                yield Ahead("lift", lift.event_type, name, history.revision, last)

    def _lift(self, lift: Lift, ahead: Ahead) -> Repaired:
        for _ in range(_TRIES):
            now = datetime.now(UTC)
            revision = lift.lift(ahead.subject, ahead.stream, now)
            if revision is not None:
                # What is not published here, because this process ends, the sweep publishes.
                results = self._publisher.publish_many(lift.load([ahead.subject], now))
                if all(result.outcome == "ok" for result in results):
                    lift.clear({ahead.subject: revision})
                return Repaired(ahead, revision)
            again = next(self._find(lift, [ahead.subject]), None)
            if again is None:
                return Repaired(ahead, ahead.stream)
            ahead = again
        return Repaired(ahead, None)

    def _hold(self, lift: Lift, ahead: Ahead, told: Mapping[str, Any] | None) -> Repaired:
        if lift.hold(ahead.subject, ahead.stream, told, datetime.now(UTC)):
            return Repaired(ahead, ahead.stream)
        again = next(self._find(lift, [ahead.subject]), None)
        if again is not None and again.what == "lift":
            return self._lift(lift, again)
        return Repaired(ahead, None if again else ahead.stream)

    def _last_events(self, wanted: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
        """The data of the last event of each subject, given with its type, as far as the stream has it."""
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
