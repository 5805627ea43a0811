"""Publish: put a subject's pending events on the stream, each once, in the order of its revisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Literal

from cachetools import LRUCache

from contracts._redis.outage import translate_outage
from worker.domain.events import ANY, Pending, Subject
from worker.events.limits import StreamLimits
from worker.events.positions import LAST_REVISIONS, NOWHERE, StreamPosition, field_of, position_of
from worker.events.script import PublishScript, Work, publish_calls
from worker.events.unavailable import EVENTS_AWAY, EventsUnavailable
from worker.lua import is_forgotten, run_script

_REMEMBERED = 100_000

PublishOutcome = Literal["ok", "lost", "ahead"]


@dataclass(frozen=True, slots=True)
class Published:
    """The result of publishing a subject.

    ``outcome``: ``ok``; ``lost`` if the stream lacks events before the first pending one; ``ahead`` if the
    stream has events that the store does not have.
    ``last``: the subject's last revision on the stream.
    """

    outcome: PublishOutcome
    last: int


class Publisher:
    """Writes events to the stream; threads may share one.

    ``client``: a redis-py client. ``source``: the CloudEvents source. ``maxlen``, ``max_bytes``: what the
    stream is trimmed to: see ``StreamLimits``.

    Raises: ``EventsUnavailable`` when Redis does not answer; then everything may be done again.
    """

    def __init__(self, client: Any, source: str, maxlen: int, max_bytes: int | None = None) -> None:
        self._redis = client
        self._script = PublishScript(LAST_REVISIONS, source, StreamLimits(client, maxlen, max_bytes))
        self._last: LRUCache[str, StreamPosition] = LRUCache(_REMEMBERED)
        self._lock = Lock()

    def publish(self, subject: Subject) -> Published:
        """Publish the pending events of a subject; if Redis has lost events, publish its present state in
        their place.
        """
        return self.publish_many([subject])[0]

    def publish_many(self, subjects: Sequence[Subject]) -> list[Published]:
        """Publish several subjects, in one round trip unless Redis has lost events."""
        if not subjects:
            return []
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            pipe = self._redis.pipeline(transaction=False)
            self.queue(pipe, subjects)
            replies = pipe.execute(raise_on_error=False)
        return self.collect(subjects, replies)

    def queue(self, pipe: Any, subjects: Sequence[Subject]) -> int:
        """Add the publishing of ``subjects`` to a pipeline without a transaction.

        Returns how many replies of the pipeline belong to it: give them to ``collect``. Raises
        ``EventsUnavailable``.
        """
        calls = list(publish_calls((subject, subject.pending) for subject in subjects))
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            for work in calls:
                self._script.call(work).queue(pipe)
        return len(calls)

    def collect(self, subjects: Sequence[Subject], replies: Sequence[Any]) -> list[Published]:
        """Return the results of subjects that were queued, in their order; what Redis has lost is repaired,
        in further round trips.

        ``replies``: those of the pipeline, an error in place of one that failed.
        """
        calls = list(publish_calls((subject, subject.pending) for subject in subjects))
        results = self._results(calls, replies)
        behind = [
            index
            for index, (subject, result) in enumerate(zip(subjects, results, strict=True))
            if result.outcome == "lost" or (result.outcome == "ok" and result.last < subject.revision)
        ]
        in_place = ((subjects[index], (_in_place(subjects[index]),)) for index in behind)
        repaired = [result for call in publish_calls(in_place) for result in self._results([call], [None])]
        for index, result in zip(behind, repaired, strict=True):
            results[index] = result
        return results

    def last_known(self, event_type: str, subject: str, revision: int, pending: Sequence[Pending]) -> int:
        """Return the last revision of a subject that this process knows to be on the stream; 0 for none.

        ``revision``, ``pending``: those of the subject as the store has them now. If they contradict what was
        published, the store has been restored from a backup since: its pending event is not the one that is
        on the stream under the same revision. The answer is then 0, so that the stream is asked again.
        """
        field = field_of(event_type, subject)
        with self._lock:
            last, digest = self._last.get(field, NOWHERE)
            if last <= revision and (digest in ("", ANY) or _digest(pending, last) in ("", digest)):
                return last
            self._last.pop(field, None)
        return 0

    def positions(self, event_type: str, subjects: Sequence[str]) -> list[StreamPosition]:
        """Return the position of each subject on the stream; ``(0, "")`` if Redis knows none."""
        if not subjects:
            return []
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            found = self._redis.hmget(LAST_REVISIONS, [field_of(event_type, name) for name in subjects])
        return [position_of(value) for value in found]

    def subjects(self, event_type: str, count: int) -> Iterator[list[str]]:
        """Yield the names of all subjects of a type that were ever on the stream, about ``count`` at a time.

        A name may come twice.
        """
        prefix, cursor = field_of(event_type, ""), 0
        while True:
            with translate_outage(EventsUnavailable, EVENTS_AWAY):
                cursor, found = self._redis.hscan(LAST_REVISIONS, cursor, match=f"{prefix}*", count=count)
            names = [field.decode().removeprefix(prefix) for field in found]
            if names:
                yield names
            if not cursor:
                return

    def _results(self, calls: Sequence[Sequence[Work]], replies: Sequence[Any]) -> list[Published]:
        """Return the results in the replies of calls, and remember the positions.

        A call without a reply, or one whose script was not loaded, is made now.
        """
        results: list[Published] = []
        failed: Exception | None = None
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            for work, reply in zip(calls, replies, strict=True):
                if reply is None or is_forgotten(reply):
                    reply = run_script(self._redis, self._script.call(work))
                if isinstance(reply, Exception):
                    failed = failed or reply
                else:
                    results += self._remember(work, reply)
            if failed:
                raise failed
        return results

    def _remember(self, call: Sequence[Work], reply: Sequence[Any]) -> list[Published]:
        results = [
            Published(outcome.decode(), last) for outcome, last in zip(reply[::2], reply[1::2], strict=True)
        ]
        with self._lock:
            for (subject, pending), result in zip(call, results, strict=True):
                field = field_of(subject.type, subject.name)
                if result.outcome == "ahead":
                    self._last.pop(field, None)
                else:
                    self._last[field] = StreamPosition(result.last, _digest(pending, result.last))
        return results


def _digest(pending: Sequence[Pending], revision: int) -> str:
    """Return the digest of the pending event of a revision; empty if there is none."""
    for event in reversed(pending):
        if event.revision == revision:
            return event.digest
    return ""


def _in_place(subject: Subject) -> Pending:
    """Return the event that replaces those that Redis has lost.

    It covers the subject's last pending event, which stays in the outbox for now. It carries the digest of
    that event, so that the pending one still counts as published, and not as another event of that revision.
    """
    present = subject.present()
    last = subject.pending[-1] if subject.pending else None
    known = last is not None and last.revision == present.revision
    # If the outbox is empty, a writer that read it earlier may still publish that last event.
    return replace(present, stands_for=last.digest if last and known else ANY)
