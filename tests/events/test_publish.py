"""The publishing script: each revision once, in order."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.events import IMAGE_VERSIONS_CHANGED, PLUGIN_CHANGED
from tests.support.any_redis import FAKE, REAL
from tests.support.servers import start_redis
from tests.support.stream import Stream
from worker.devtools.embedded.binaries import Binary, redis_binaries
from worker.domain.events import Pending, Subject
from worker.events.publish import Published, Publisher
from worker.events.unavailable import EventsUnavailable

NAME = "d-1/jira"


def event(revision: int, gap: bool = False, note: str = "") -> Pending:
    change = "resynced" if gap else "updated"
    data = json.dumps({"change": change, "revision": revision, "note": note})
    return Pending(revision, "2026-01-01T00:00:00.000Z", data, gap=gap)


def subject(present: int, *revisions: int, note: str = "") -> Subject:
    pending = tuple(event(revision, note=note) for revision in revisions)
    return Subject(PLUGIN_CHANGED, NAME, present, pending, lambda: event(present, gap=True))


REFUSALS: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda c: c.config_set("maxmemory", "1"), lambda c: c.config_set("maxmemory", "0")),
    (lambda c: c.replicaof("127.0.0.1", "1"), lambda c: c.replicaof("NO", "ONE")),
]


def test_what_is_there_already_is_skipped(publisher: Publisher, stream: Stream) -> None:
    assert publisher.publish(subject(2, 1, 2)) == Published("ok", 2)
    assert publisher.publish(subject(2, 1, 2)) == Published("ok", 2)
    assert publisher.publish(subject(3, 2, 3)) == Published("ok", 3)
    assert [revision for revision, _ in stream.changes()] == [1, 2, 3]
    stream.assert_gapless()


def test_redis_lost_everything(publisher: Publisher, stream: Stream) -> None:
    publisher.publish(subject(3, 1, 2, 3))
    stream.client.flushall()
    assert publisher.publish(subject(5, 4, 5)) == Published("ok", 5)
    assert stream.changes() == [(5, "resynced")]
    assert stream.entries()[0]["gap"] == "true"
    assert publisher.publish(subject(6, 6)) == Published("ok", 6)
    stream.assert_gapless()


def test_what_waits_in_the_outbox_behind_a_repair_is_known_to_be_out(
    client: redis.Redis, publisher: Publisher, stream: Stream
) -> None:
    another = Publisher(client, "/repositories/repo-local", 1_000_000)
    publisher.publish(subject(2, 1, 2))
    stream.client.flushall()
    assert publisher.publish(subject(4, 3, 4)) == Published("ok", 4)
    assert publisher.last_known(PLUGIN_CHANGED, NAME, 4, (event(3), event(4))) == 4
    assert publisher.positions(PLUGIN_CHANGED, [NAME]) == [(4, event(4).digest)]
    assert another.publish(subject(4, 3, 4)) == Published("ok", 4)
    assert another.publish(subject(5, 3, 4, 5)) == Published("ok", 5)
    assert stream.changes() == [(4, "resynced"), (5, "updated")]


def test_subjects_of_two_types_may_have_one_name(publisher: Publisher, stream: Stream) -> None:
    """A domain may be called ``images/registry.hub.docker.com``."""
    publisher.publish(replace(subject(3, 1, 2, 3), type=IMAGE_VERSIONS_CHANGED))
    assert publisher.last_known(PLUGIN_CHANGED, NAME, 3, (event(1), event(2), event(3))) == 0
    assert publisher.publish(subject(1, 1)) == Published("ok", 1)
    assert publisher.last_known(IMAGE_VERSIONS_CHANGED, NAME, 3, ()) == 3


def test_a_writer_that_read_before_a_repair_is_not_taken_for_another_history(
    publisher: Publisher, stream: Stream
) -> None:
    publisher.publish(subject(1, 1))
    stream.client.flushall()
    assert publisher.publish(subject(1)) == Published("ok", 1)
    assert publisher.last_known(PLUGIN_CHANGED, NAME, 1, (event(1),)) == 1
    assert publisher.publish(subject(2, 1, 2)) == Published("ok", 2)
    assert stream.changes() == [(1, "resynced"), (2, "updated")]


def test_redis_lost_the_last_events(publisher: Publisher, stream: Stream) -> None:
    publisher.publish(subject(2, 1, 2))
    mark = stream.client.hget("plugin.events:revisions", f"PluginChanged|{NAME}")
    publisher.publish(subject(4, 3, 4))
    stream.client.hset("plugin.events:revisions", f"PluginChanged|{NAME}", mark)
    for entry, _ in stream.client.xrange("plugin.events")[2:]:
        stream.client.xdel("plugin.events", entry)
    publisher.publish(subject(5, 5))
    assert stream.changes() == [(1, "updated"), (2, "updated"), (5, "resynced")]
    stream.assert_gapless()


def test_a_subject_with_nothing_pending_is_repaired(publisher: Publisher, stream: Stream) -> None:
    assert publisher.publish(subject(7)) == Published("ok", 7)
    assert stream.changes() == [(7, "resynced")]


def test_an_empty_redis_takes_revision_1_as_it_is(publisher: Publisher, stream: Stream) -> None:
    publisher.publish(subject(2, 1, 2))
    assert stream.changes() == [(1, "updated"), (2, "updated")]


def test_a_stream_ahead_of_the_store_takes_nothing(publisher: Publisher, stream: Stream) -> None:
    publisher.publish(subject(5, 1, 2, 3, 4, 5, note="before the backup"))
    assert publisher.publish(subject(4, 4, note="after it")) == Published("ahead", 5)
    assert publisher.publish(subject(5, 4, 5, note="after it")) == Published("ahead", 5)
    assert publisher.publish(subject(6, 4, 5, 6, note="after it")) == Published("ahead", 5)
    assert len(stream.entries()) == 5


def test_many_subjects_go_out_in_one_round_trip(publisher: Publisher, stream: Stream) -> None:
    subjects = [
        Subject(PLUGIN_CHANGED, f"d/{n}", 1, (event(1),), lambda: event(1, gap=True)) for n in range(50)
    ]
    assert publisher.publish_many(subjects) == [Published("ok", 1)] * 50
    stream.assert_gapless()


def test_redis_away_is_told_apart() -> None:
    nobody = redis.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with pytest.raises(EventsUnavailable):
        Publisher(nobody, "/", 10).publish(subject(1, 1))
    nobody.close()


# A fake refuses no writes.
@pytest.mark.process
@pytest.mark.parametrize("binary", redis_binaries(), ids=lambda binary: binary.version_text)
@pytest.mark.parametrize("count", [1, 2])
def test_a_redis_that_refuses_writes_is_away(binary: Binary, count: int, tmp_path: Path) -> None:
    """Out of memory, or a replica: in the words of either version of Redis, of a script or of a pipeline."""
    server = start_redis(tmp_path, appendfsync=None, binary=binary)
    try:
        with redis.Redis.from_url(server.url) as client:
            publisher = Publisher(client, "/", 100)
            subjects = [subject(1, 1)] * count
            for refuse, accept in REFUSALS:
                refuse(client)
                with pytest.raises(EventsUnavailable):
                    publisher.publish_many(subjects)
                accept(client)
            publisher.publish_many(subjects)
    finally:
        server.stop()


def test_the_stream_is_bounded(client: redis.Redis, stream: Stream) -> None:
    bounded = Publisher(client, "/", 100)
    for first in range(0, 2000, 50):
        bounded.publish(subject(first + 50, *range(first + 1, first + 51)))
    assert len(stream.entries()) < 400


STEPS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.booleans()), max_size=12)
ONE_REDIS = [HealthCheck.function_scoped_fixture]


def stays_gapless(publisher: Publisher, stream: Stream, steps: list[tuple[int, int, bool]]) -> None:
    """Publishers see any prefix of the truth, late or twice; Redis may lose all. The stream never lies."""
    stream.client.flushall()
    highest = 0
    for start, length, lose in steps:
        if lose:
            stream.client.flushall()
        present = min(start, highest) + length
        if present == 0:
            continue
        result = publisher.publish(subject(present, *range(min(start, highest) + 1, present + 1)))
        highest = max(highest, present)
        if present == highest:
            assert result == Published("ok", highest)
        stream.assert_gapless()


@pytest.mark.parametrize("any_redis", REAL, indirect=True)
@settings(max_examples=150, deadline=None, suppress_health_check=ONE_REDIS)
@given(STEPS)
def test_any_order_of_publishers_and_losses_is_gapless(
    publisher: Publisher, stream: Stream, steps: list[tuple[int, int, bool]]
) -> None:
    stays_gapless(publisher, stream, steps)


# A script takes a fake some hundred times longer.
@pytest.mark.parametrize("any_redis", FAKE, indirect=True)
@settings(max_examples=15, deadline=None, suppress_health_check=ONE_REDIS)
@given(STEPS)
def test_some_orders_of_publishers_and_losses_are_gapless(
    publisher: Publisher, stream: Stream, steps: list[tuple[int, int, bool]]
) -> None:
    stays_gapless(publisher, stream, steps)
