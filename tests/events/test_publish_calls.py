"""One call of the publishing script for many subjects: what it writes, and what of it fails."""

from dataclasses import replace
from typing import Any

import pytest
import redis

from contracts.events import IMAGE_VERSIONS_CHANGED, PLUGIN_CHANGED, data_schema, event_id, sequence
from tests.support.any_redis import REAL
from tests.support.stream import Stream
from worker.domain.events import Pending, Subject
from worker.events import script
from worker.events.publish import Published, Publisher
from worker.events.unavailable import EventsUnavailable

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REVISIONS = "plugin.events:revisions"


def event(revision: int, **fields: Any) -> Pending:
    return Pending(revision, f"2026-01-01T00:00:0{revision % 10}.000Z", f'{{"n":{revision}}}', **fields)


def subject(name: str, *revisions: int) -> Subject:
    pending = tuple(event(revision) for revision in revisions)
    return Subject(PLUGIN_CHANGED, name, revisions[-1], pending, lambda: event(revisions[-1], gap=True))


def queued(client: redis.Redis, publisher: Publisher, subjects: list[Subject]) -> list[Any]:
    """The replies to a pipeline with the subjects and a command of another kind."""
    pipe = client.pipeline(transaction=False)
    count = publisher.queue(pipe, subjects)
    pipe.set("answer", "stored")
    replies = pipe.execute(raise_on_error=False)
    assert client.get("answer") == b"stored"
    return replies[:count]


def entry(kind: str, name: str, event: Pending, rest: list[str]) -> list[str]:
    """The golden entry: the names and values of its fields, in order."""
    return [
        *("specversion", "1.0", "type", kind, "source", "/repositories/repo-local", "subject", name),
        *("id", event_id(name, event.revision), "time", event.time, "sequence", sequence(event.revision)),
        *("partitionkey", name, "datacontenttype", "application/json", "dataschema", data_schema(kind)),
        *(*rest, "data", event.data),
    ]


def test_the_entries_are_golden(publisher: Publisher, stream: Stream) -> None:
    plain, traced = Pending(1, "2026-01-01T00:00:00.000Z", '{"n":"é"}'), event(2, traceparent=TRACE)
    jump = event(123_456_789_012, traceparent=TRACE, gap=True)
    subjects = [
        Subject(PLUGIN_CHANGED, "d 1|ü\n/jira", 2, (plain, traced), lambda: plain),
        Subject(IMAGE_VERSIONS_CHANGED, "images/x", jump.revision, (jump,), lambda: jump),
    ]
    publisher.publish_many(subjects)
    assert [[part for pair in fields.items() for part in pair] for fields in stream.entries()] == [
        entry(PLUGIN_CHANGED, "d 1|ü\n/jira", plain, []),
        entry(PLUGIN_CHANGED, "d 1|ü\n/jira", traced, ["traceparent", TRACE]),
        entry(IMAGE_VERSIONS_CHANGED, "images/x", jump, ["traceparent", TRACE, "gap", "true"]),
    ]
    assert stream.client.hgetall(REVISIONS) == {
        "PluginChanged|d 1|ü\n/jira": f"2:{traced.digest}",
        "ImageVersionsChanged|images/x": f"123456789012:{jump.digest}",
    }


def test_subjects_go_out_beside_other_commands(
    client: redis.Redis, publisher: Publisher, stream: Stream
) -> None:
    subjects = [subject("d/a", 1, 2), subject("d/b", 1)]
    # A Redis that has just started does not have the script.
    client.script_flush()
    replies = queued(client, publisher, subjects)
    assert [type(reply) for reply in replies] == [redis.exceptions.NoScriptError]
    assert publisher.collect(subjects, replies) == [Published("ok", 2), Published("ok", 1)]
    assert publisher.collect(subjects, queued(client, publisher, subjects)) == [
        Published("ok", 2),
        Published("ok", 1),
    ]
    assert len(stream.entries()) == 3
    stream.assert_gapless()


@pytest.mark.parametrize(("name", "limit"), [("MAX_EVENTS", 4), ("MAX_SIZE", 4 * event(1).size)])
def test_a_call_is_bounded_and_a_subject_is_not_cut(
    client: redis.Redis,
    publisher: Publisher,
    stream: Stream,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    limit: int,
) -> None:
    monkeypatch.setattr(script, name, limit)
    subjects = [subject(f"d/{n}", *range(1, 1 + events)) for n, events in enumerate([3, 1, 1, 6, 2, 2])]
    pipe = client.pipeline(transaction=False)
    assert publisher.queue(pipe, subjects) == len(pipe) == 4
    assert publisher.publish_many(subjects) == [Published("ok", s.revision) for s in subjects]
    assert len(stream.entries()) == 15


def test_nothing_takes_no_round_trip() -> None:
    assert Publisher(None, "/", 10).publish_many([]) == []


def test_what_redis_lost_is_repaired_among_others(publisher: Publisher, stream: Stream) -> None:
    publisher.publish_many([subject("d/a", 1, 2), subject("d/b", 1)])
    stream.client.hdel(REVISIONS, "PluginChanged|d/a")
    empty = Subject(PLUGIN_CHANGED, "d/c", 7, (), lambda: event(7, gap=True))
    subjects = [subject("d/a", 3), subject("d/b", 2), empty]
    assert publisher.publish_many(subjects) == [Published("ok", 3), Published("ok", 2), Published("ok", 7)]
    gaps = [fields["id"] for fields in stream.entries() if "gap" in fields]
    assert gaps == ["d/a@3", "d/c@7"]


def test_a_call_that_fails_midway_may_be_made_again(publisher: Publisher, stream: Stream) -> None:
    subjects = [subject("d/a", 1, 2), subject("d/broken", 1), subject("d/c", 1)]
    with pytest.raises(redis.ResponseError):
        publisher.publish_many([subjects[0], replace(subjects[1], revision=-1), subjects[2]])
    assert publisher.publish_many(subjects) == [Published("ok", s.revision) for s in subjects]
    assert [fields["id"] for fields in stream.entries()] == ["d/a@1", "d/a@2", "d/broken@1", "d/c@1"]
    first, last = (stream.client.lindex(script.LEDGER, at).split()[0] for at in (0, -1))
    assert int(last) - int(first) == 4


def test_the_other_calls_count_when_one_has_failed(
    client: redis.Redis, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "MAX_EVENTS", 1)
    subjects = [subject(f"d/{n}", 1) for n in range(3)]
    publisher.publish_many(subjects)
    replies = queued(client, publisher, subjects)
    replies[1] = redis.exceptions.OutOfMemoryError("command not allowed")
    other = Publisher(client, "/repositories/repo-local", 100)
    with pytest.raises(EventsUnavailable):
        other.collect(subjects, replies)
    known = [other.last_known(PLUGIN_CHANGED, s.name, 1, s.pending) for s in subjects]
    assert known == [1, 0, 1]
    replies[1] = redis.ResponseError("wrong arguments")
    with pytest.raises(redis.ResponseError):
        other.collect(subjects, replies)


@pytest.mark.parametrize("any_redis", REAL, indirect=True)
def test_redis_takes_one_command_for_many_subjects(client: redis.Redis, publisher: Publisher) -> None:
    subjects = [subject(f"d/{n}", 1) for n in range(100)]
    publisher.publish_many([subject("d/first", 1)])
    client.config_resetstat()
    publisher.publish_many(subjects)
    stats = {
        name.removeprefix("cmdstat_"): each["calls"] for name, each in client.info("commandstats").items()
    }
    assert stats["evalsha"] == 1
    assert not {name for name in stats if name.startswith(("eval", "script"))} - {"evalsha"}
