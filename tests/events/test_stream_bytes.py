"""The stream is trimmed by bytes, before it is added to."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis

from contracts.events import PLUGIN_CHANGED, STREAM
from tests.support.servers import redis_by_age, start_redis
from worker.devtools.embedded.binaries import Binary
from worker.domain.events import Pending, Subject
from worker.events.publish import Publisher
from worker.events.script import LEDGER
from worker.events.unavailable import EventsUnavailable

KIB = 1024
BUDGET = 640 * KIB
SEGMENT = BUDGET // 64

_numbers = itertools.count(1)


def subject(size: int, count: int = 1) -> Subject:
    """A new subject with so many events, which carry `size` bytes each."""
    pending = tuple(
        Pending(revision, "2026-01-01T00:00:00.000Z", json.dumps({"change": "updated", "note": "x" * size}))
        for revision in range(1, count + 1)
    )
    return Subject(PLUGIN_CHANGED, f"d-1/p{next(_numbers)}", count, pending, lambda: pending[-1])


def bounded(client: Any, max_bytes: int = BUDGET, maxlen: int = 10**6) -> Publisher:
    return Publisher(client, "/repositories/repo-local", maxlen, max_bytes)


def ledger(client: Any) -> tuple[int, int]:
    """How many entries and bytes the stream has, by its ledger."""
    marks = [[int(number) for number in mark.split()] for mark in client.lrange(LEDGER, 0, -1)]
    assert marks == sorted(marks)
    return marks[-1][0] - marks[0][0], marks[-1][1] - marks[0][1]


def bytes_of(client: Any) -> int:
    """What the entries of the stream really have, and an eighth."""
    raw = sum(len(part) for _, fields in client.xrange(STREAM) for pair in fields.items() for part in pair)
    return raw * 9 // 8


def test_the_stream_is_trimmed_to_its_bytes(client: redis.Redis) -> None:
    publisher = bounded(client)
    for _ in range(300):
        publisher.publish(subject(4 * KIB))
        entries, size = ledger(client)
        assert entries == client.xlen(STREAM)
        assert size <= BUDGET
        assert abs(size - bytes_of(client)) <= entries
    assert ledger(client)[1] > BUDGET - 2 * SEGMENT
    assert client.llen(LEDGER) <= 130


def test_the_oldest_go_first_and_a_segment_at_a_time(client: Any) -> None:
    publisher = bounded(client)
    lengths = []
    for _ in range(2_500):
        publisher.publish(subject(100))
        lengths.append(client.xlen(STREAM))
    last = client.xrevrange(STREAM, count=1)[0][1][b"subject"]
    assert last == f"d-1/p{next(_numbers) - 1}".encode()
    drops = [before - after for before, after in itertools.pairwise(lengths) if after <= before]
    assert drops
    assert max(drops) < 30
    # Most events need no trimming.
    assert len(drops) < 250


def test_many_events_of_one_call_are_counted_each(client: redis.Redis) -> None:
    publisher = bounded(client)
    publisher.publish_many([subject(2 * KIB, count=7) for _ in range(60)])
    entries, size = ledger(client)
    assert entries == client.xlen(STREAM)
    assert entries < 420
    assert BUDGET - 2 * SEGMENT < size <= BUDGET


def test_an_event_that_is_larger_than_all_is_published(client: redis.Redis) -> None:
    publisher = bounded(client)
    publisher.publish_many([subject(KIB) for _ in range(10)])
    assert publisher.publish(subject(2 * BUDGET)).outcome == "ok"
    assert client.xlen(STREAM) == 1
    publisher.publish(subject(KIB))
    assert client.xlen(STREAM) == 1
    assert ledger(client)[0] == 1


def _trimmed_by_hand(client: Any) -> None:
    client.xtrim(STREAM, maxlen=7, approximate=False)


def _trimmed_to_nothing(client: Any) -> None:
    client.xtrim(STREAM, maxlen=0, approximate=False)


def _added_to(client: Any) -> None:
    """By a worker of before, which knows no ledger."""
    entry = client.xrevrange(STREAM, count=1)[0][1]
    for _ in range(5):
        client.xadd(STREAM, entry)


def _forged(*marks: str) -> Callable[[Any], None]:
    def forge(client: Any) -> None:
        client.delete(LEDGER)
        client.rpush(LEDGER, *marks)

    return forge


def _another_type(client: Any) -> None:
    client.set(LEDGER, "x")


HARM: list[Callable[[Any], Any]] = [
    lambda client: client.flushall(),
    lambda client: client.delete(STREAM),
    lambda client: client.delete(LEDGER),
    _trimmed_by_hand,
    _trimmed_to_nothing,
    _added_to,
    _forged("garbage"),
    _forged("0 0"),
    _forged("9 9", "0 0"),
    _forged("0 0", f"{10**400} {10**400}"),
    _forged("0 0", "1 1", "junk", "99 999"),
    _another_type,
]


@pytest.mark.parametrize("harm", HARM)
def test_the_ledger_is_right_after(client: redis.Redis, harm: Callable[[Any], Any]) -> None:
    publisher = bounded(client)
    publisher.publish_many([subject(3 * KIB) for _ in range(40)])
    harm(client)
    publisher.publish(subject(3 * KIB))
    entries, size = ledger(client)
    # What was trimmed elsewhere is still between the first marks.
    shown = entries - client.xlen(STREAM)
    assert 0 <= shown < 3
    assert size - bytes_of(client) <= (shown + 1) * 4 * KIB
    for _ in range(300):
        publisher.publish(subject(3 * KIB))
        assert bytes_of(client) <= BUDGET
    assert bytes_of(client) > BUDGET - 3 * SEGMENT


def _spread(client: Any) -> None:
    """As if one entry had come each 10 ms: those that the estimate looks at are found by their time."""
    entries = client.xrange(STREAM)
    client.delete(STREAM)
    for number, (_, fields) in enumerate(entries, 1):
        client.xadd(STREAM, fields, id=f"{number * 10}-0")


def test_a_stream_of_before_is_estimated_and_trimmed(client: redis.Redis) -> None:
    chance = Random(7)
    before_all = bounded(client, 10**9)
    for _ in range(300):
        before_all.publish(subject(chance.choice([KIB, 4 * KIB, 10 * KIB])))
    client.delete(LEDGER)
    _spread(client)
    before = bytes_of(client)
    assert before > 2 * BUDGET
    bounded(client).publish(subject(KIB))
    assert BUDGET / 2 < bytes_of(client) < BUDGET * 1.5
    assert client.xlen(STREAM) > 100


def test_the_length_stays_a_limit_beside_the_bytes(client: redis.Redis) -> None:
    publisher = bounded(client, maxlen=50)
    for _ in range(10):
        publisher.publish_many([subject(10) for _ in range(100)])
    assert client.xlen(STREAM) <= 50 + 100 + 100
    entries, size = ledger(client)
    assert abs(entries - client.xlen(STREAM)) <= 100
    assert abs(size - bytes_of(client)) < 100 * KIB


def test_fewer_bytes_hold_from_the_next_event_on(client: redis.Redis) -> None:
    bounded(client).publish_many([subject(KIB) for _ in range(400)])
    bounded(client, BUDGET // 8).publish(subject(KIB))
    assert BUDGET // 16 < bytes_of(client) <= BUDGET // 8


# On real servers: what Redis itself says


@pytest.fixture(params=redis_by_age(), ids=lambda binary: str(binary.version_text))
def full_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[redis.Redis]:
    """A Redis of its own, whose memory a test may limit."""
    binary: Binary = request.param
    server = start_redis(tmp_path, appendfsync=None, maxmemory="0", binary=binary)
    client = redis.Redis.from_url(server.url)
    yield client
    client.close()
    server.stop()


@pytest.mark.process
@pytest.mark.parametrize(("size", "count"), [(300, 5_000), (3_000, 1_000), (100_000, 100), (758 * KIB, 30)])
def test_the_ledger_says_what_redis_has(full_redis: redis.Redis, size: int, count: int) -> None:
    publisher = bounded(full_redis, 10**9)
    publisher.publish_many([subject(size) for _ in range(count)])
    real = full_redis.memory_usage(STREAM, samples=0)
    assert real
    assert 0.85 * real < ledger(full_redis)[1] < 1.25 * real


@pytest.mark.process
def test_a_full_redis_takes_an_event_in_place_of_others_and_no_more(full_redis: redis.Redis) -> None:
    publisher = bounded(full_redis)
    publisher.publish_many([subject(20 * KIB) for _ in range(40)])
    used = int(full_redis.info("memory")["used_memory"])
    full_redis.config_set("maxmemory", 1)
    for _ in range(50):
        assert publisher.publish(subject(20 * KIB)).outcome == "ok"
    assert int(full_redis.info("memory")["used_memory"]) < used + 200 * KIB
    full_redis.xtrim(STREAM, maxlen=3, approximate=False)
    publisher.publish(subject(20 * KIB))  # the ledger is trimmed too
    with pytest.raises(EventsUnavailable):
        publisher.publish(subject(20 * KIB))
    assert full_redis.xlen(STREAM) == 4


@pytest.mark.process
def test_a_stream_of_before_that_fills_redis_is_trimmed(full_redis: redis.Redis) -> None:
    bounded(full_redis, 10**9).publish_many([subject(20 * KIB) for _ in range(100)])
    full_redis.delete(LEDGER)
    publisher = bounded(full_redis)
    publisher._script._limits.max_bytes()
    full_redis.config_set("maxmemory", 1)
    assert publisher.publish(subject(20 * KIB)).outcome == "ok"
    assert bytes_of(full_redis) <= BUDGET
