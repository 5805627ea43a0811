"""Publish: a subject's pending events onto the stream, in the order of its revisions, each once."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from contracts.events import STREAM, data_schema, event_id, sequence
from worker.domain.event import ANY, Pending, Subject

LAST_REVISIONS = f"{STREAM}:revisions"
"""The Redis hash of the last revision on the stream, by ``{type}|{subject}``."""

_REMEMBERED = 100_000

Outcome = Literal["ok", "lost", "ahead"]


class EventsUnavailable(Unavailable):
    """Raised when the Redis of the events does not answer. Never answered to a caller: a write waits."""

    code = "STORE_UNAVAILABLE"


EVENTS_AWAY = "the Redis of the events does not answer"


@dataclass(frozen=True, slots=True)
class Published:
    """How publishing a subject went: ``last`` is its last revision on the stream.

    ``lost``: the stream lacks events before the first pending one. ``ahead``: the stream has what the store
    has not.
    """

    outcome: Outcome
    last: int


class Publisher:
    """Writes events to the stream; threads may share one.

    ``client`` is a redis-py client, ``source`` the CloudEvents source, ``maxlen`` what the stream is trimmed
    to, approximately.
    """

    def __init__(self, client: Any, source: str, maxlen: int) -> None:
        self._redis = client
        self._source = source
        self._maxlen = maxlen
        self._script = client.register_script(files("worker.events").joinpath("publish.lua").read_text())
        self._last: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def publish(self, subject: Subject) -> Published:
        """Publish what is pending of ``subject``; where Redis has lost events, its present state in their
        place.

        Raises ``EventsUnavailable`` when Redis does not answer; then all of it may be tried again.
        """
        return self.publish_many([subject])[0]

    def publish_many(self, subjects: Sequence[Subject]) -> list[Published]:
        """``publish`` for several subjects, in one round trip when nothing was lost."""
        results = self._run([(s, s.pending) for s in subjects])
        for index, (subject, result) in enumerate(zip(subjects, results, strict=True)):
            behind = result.outcome == "ok" and result.last < subject.revision
            if result.outcome == "lost" or behind:
                results[index] = self._run([(subject, (_in_place(subject),))])[0]
        return results

    def last_known(self, event_type: str, subject: str, revision: int, pending: Sequence[Pending]) -> int:
        """The last revision of a subject that this process knows to be on the stream, 0 if it knows none.

        ``revision`` and ``pending`` are the subject's as the store has them now. Where they contradict what
        was published, the store has been restored from a backup since, and the stream is asked anew: what
        waits in the outbox is then something else than what is out under the same revision.
        """
        field = _field(event_type, subject)
        last, digest = self._last.get(field, (0, ""))
        if last <= revision and all(
            e.digest == digest for e in pending if e.revision == last and digest not in ("", ANY)
        ):
            return last
        self._last.pop(field, None)
        return 0

    def marks(self, event_type: str, subjects: Sequence[str]) -> list[tuple[int, str]]:
        """The last revision on the stream and the SHA-1 of its data, by subject; ``(0, "")`` where Redis
        knows none.
        """
        if not subjects:
            return []
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            found = self._redis.hmget(LAST_REVISIONS, [_field(event_type, name) for name in subjects])
        return [_mark(value.decode()) if value else (0, "") for value in found]

    def subjects(self, event_type: str, count: int) -> Iterator[list[str]]:
        """The names of all subjects of a type that the stream has had, about ``count`` at a time; a name may
        come twice.
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
        """Redis's own name for its present run; another one means that it may have lost writes."""
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
        if result.outcome == "ahead":
            self._last.pop(field, None)
            return
        digest = next((e.digest for e in pending if e.revision == result.last), "")
        self._last[field] = (result.last, digest)
        self._last.move_to_end(field)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    def _arguments(self, subject: Subject, pending: Sequence[Pending]) -> list[str | int]:
        arguments: list[str | int] = [_field(subject.type, subject.name), self._maxlen, subject.revision]
        for event in pending:
            fields = self._fields(subject, event)
            gap = "1" if event.gap else "0"
            arguments += [event.revision, gap, event.stands_for, len(fields), *fields]
        return arguments

    def _fields(self, subject: Subject, event: Pending) -> list[str]:
        """The CloudEvents attributes and the data, names and values in turn; the script expects ``data``
        last.
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
    """The event in place of those that Redis has lost. The last pending one is in it, and must not be taken
    for that of another history when it is published again, or met in the outbox.
    """
    present = subject.present()
    last = subject.pending[-1] if subject.pending else None
    known = last is not None and last.revision == present.revision
    # Where the outbox was empty, a writer that read it before may still bring its last event along.
    return replace(present, stands_for=last.digest if last and known else ANY)


def _field(event_type: str, name: str) -> str:
    return f"{event_type.rsplit('.', 1)[-1]}|{name}"


def _mark(value: str) -> tuple[int, str]:
    revision, _, digest = value.partition(":")
    return int(revision), digest
