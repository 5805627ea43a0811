"""Publish: put a subject's pending events on the stream, each once, in the order of its revisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from threading import Lock
from typing import Any, Literal, NamedTuple

from cachetools import LRUCache

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from contracts.events import STREAM, data_schema, event_id, sequence
from worker.domain.events import ANY, Pending, Subject

LAST_REVISIONS = f"{STREAM}:revisions"
"""The Redis hash of the last revision on the stream, by ``{type}|{subject}``."""

_REMEMBERED = 100_000

PublishOutcome = Literal["ok", "lost", "ahead"]


class EventsUnavailable(Unavailable):
    """Raised when the Redis of the events does not answer. It is never answered to a caller: a write
    waits.
    """

    code = "STORE_UNAVAILABLE"


EVENTS_AWAY = "the Redis of the events does not answer"


class StreamPosition(NamedTuple):
    """How far a subject is on the stream: its last revision, and the SHA-1 of that event's data."""

    revision: int = 0
    digest: str = ""


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

    ``client``: a redis-py client. ``source``: the CloudEvents source. ``maxlen``: the length that the stream
    is trimmed to, approximately.

    Raises: ``EventsUnavailable`` when Redis does not answer; then everything may be done again.
    """

    def __init__(self, client: Any, source: str, maxlen: int) -> None:
        self._redis = client
        self._source = source
        self._maxlen = maxlen
        self._script = client.register_script(files("worker.events").joinpath("publish.lua").read_text())
        self._last: LRUCache[str, StreamPosition] = LRUCache(_REMEMBERED)
        self._lock = Lock()

    def publish(self, subject: Subject) -> Published:
        """Publish the pending events of a subject; if Redis has lost events, publish its present state in
        their place.
        """
        return self.publish_many([subject])[0]

    def publish_many(self, subjects: Sequence[Subject]) -> list[Published]:
        """Publish several subjects, in one round trip unless Redis has lost events."""
        results = self._run([(s, s.pending) for s in subjects])
        for index, (subject, result) in enumerate(zip(subjects, results, strict=True)):
            behind = result.outcome == "ok" and result.last < subject.revision
            if result.outcome == "lost" or behind:
                results[index] = self._run([(subject, (_in_place(subject),))])[0]
        return results

    def last_known(self, event_type: str, subject: str, revision: int, pending: Sequence[Pending]) -> int:
        """Return the last revision of a subject that this process knows to be on the stream; 0 for none.

        ``revision``, ``pending``: those of the subject as the store has them now. If they contradict what was
        published, the store has been restored from a backup since: its pending event is not the one that is
        on the stream under the same revision. The answer is then 0, so that the stream is asked again.
        """
        field = _field(event_type, subject)
        with self._lock:
            last, digest = self._last.get(field, StreamPosition())
            if last <= revision and all(
                e.digest == digest for e in pending if e.revision == last and digest not in ("", ANY)
            ):
                return last
            self._last.pop(field, None)
        return 0

    def positions(self, event_type: str, subjects: Sequence[str]) -> list[StreamPosition]:
        """Return the position of each subject on the stream; ``(0, "")`` if Redis knows none."""
        if not subjects:
            return []
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            found = self._redis.hmget(LAST_REVISIONS, [_field(event_type, name) for name in subjects])
        return [_position(value.decode()) if value else StreamPosition() for value in found]

    def subjects(self, event_type: str, count: int) -> Iterator[list[str]]:
        """Yield the names of all subjects of a type that were ever on the stream, about ``count`` at a time.

        A name may come twice.
        """
        prefix, cursor = _field(event_type, ""), 0
        while True:
            with translate_outage(EventsUnavailable, EVENTS_AWAY):
                cursor, found = self._redis.hscan(LAST_REVISIONS, cursor, match=f"{prefix}*", count=count)
            names = [field.decode().removeprefix(prefix) for field in found]
            if names:
                yield names
            if not cursor:
                return

    def run_id(self) -> str:
        """Return Redis's id of its present run: a new one means that Redis may have lost writes."""
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            return str(self._redis.info("server")["run_id"])

    def _run(self, work: Sequence[tuple[Subject, Sequence[Pending]]]) -> list[Published]:
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            if len(work) == 1:
                replies = [self._script(keys=[STREAM, LAST_REVISIONS], args=self._arguments(*work[0]))]
            else:
                pipeline = self._redis.pipeline(transaction=False)
                for subject, pending in work:
                    self._script(
                        keys=[STREAM, LAST_REVISIONS], args=self._arguments(subject, pending), client=pipeline
                    )
                replies = pipeline.execute()
        results = [Published(outcome.decode(), int(last)) for outcome, last in replies]
        for (subject, pending), result in zip(work, results, strict=True):
            self._remember(_field(subject.type, subject.name), result, pending)
        return results

    def _remember(self, field: str, result: Published, pending: Sequence[Pending]) -> None:
        digest = next((e.digest for e in pending if e.revision == result.last), "")
        with self._lock:
            if result.outcome == "ahead":
                self._last.pop(field, None)
            else:
                self._last[field] = StreamPosition(result.last, digest)

    def _arguments(self, subject: Subject, pending: Sequence[Pending]) -> list[str | int]:
        arguments: list[str | int] = [_field(subject.type, subject.name), self._maxlen, subject.revision]
        for event in pending:
            fields = self._fields(subject, event)
            gap = "1" if event.gap else "0"
            arguments += [event.revision, gap, event.digest, len(fields), *fields]
        return arguments

    def _fields(self, subject: Subject, event: Pending) -> list[str]:
        """Return the CloudEvents attributes and the data, names and values in turn; the script needs ``data``
        to be the last.
        """
        fields = {
            "specversion": "1.0",
            "type": subject.type,
            "source": self._source,
            "subject": subject.name,
            "id": event_id(subject.name, event.revision),
            "time": event.time,
            "sequence": sequence(event.revision),
            "partitionkey": subject.name,
            "datacontenttype": "application/json",
            "dataschema": data_schema(subject.type),
        }
        if event.traceparent:
            fields["traceparent"] = event.traceparent
        if event.gap:
            fields["gap"] = "true"
        fields["data"] = event.data
        return [part for pair in fields.items() for part in pair]


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


def _field(event_type: str, name: str) -> str:
    return f"{event_type.rsplit('.', 1)[-1]}|{name}"


def _position(value: str) -> StreamPosition:
    revision, _, digest = value.partition(":")
    return StreamPosition(int(revision), digest)
