"""A Redis that is full costs time, not messages: once there is room, work goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.full import Junk, used, watched
from tests.support.messages import message
from tests.support.servers import (
    WORKER_READY,
    Binary,
    MongoReplicaSet,
    RedisServer,
    redis_by_age,
    run_worker,
    start_redis,
    wait_until,
)
from tests.system.stand import LEASE_S, QUEUE, Stand, registration, send_group, standing
from worker.process.heartbeat import seen

RECOVERED_S = 5.0
JIRA = {"domain_id": "full", "plugin_id": "jira"}

both_redises = pytest.mark.parametrize("binary", redis_by_age(), ids=lambda binary: str(binary.version_text))


@pytest.fixture
def broker(binary: Binary, tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "redis", appendfsync=None, maxmemory="24mb", binary=binary)
    yield server
    server.stop()


@pytest.fixture
def stand(broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path) -> Iterator[Stand]:
    with standing(broker.url, mongodb_server.url(f"full_{broker.port}"), tmp_path) as made:
        made.env["PLUGINS_HEARTBEAT_DIR"] = str(tmp_path / "beats")
        yield made


@pytest.fixture
def junk(stand: Stand) -> Iterator[Junk]:
    made = Junk(stand.redis)
    yield made
    made.stop()


def fill_it(stand: Stand, junk: Junk) -> list[str]:
    """Commands in the hands of the owner, which has not told of them, others that wait, and no room; their ids."""
    stand.ready(2)
    # It does not take over while the owner stands still.
    standby = stand.standby()
    standby.pause()
    stand.arm("before_publish", action="stop")
    sent = send_group(stand, "d")
    worker = stand.fired()
    for number in range(20):
        sent.append(f"later-{number}")
        stand.send(sent[-1], "register", **registration("later", f"p{number}"))
    junk.fill()
    worker.resume()
    wait_until(lambda: _held_until(stand) > time.time(), 60, "a renewed lease")
    standby.resume()
    return sent


def _held_until(stand: Stand) -> float:
    """When the lease ends, in seconds."""
    return int(stand.redis.hget(f"{QUEUE}:lease", "until") or 0) / 1000


def stays_full(stand: Stand) -> None:
    """Leases are renewed and processes beat, although there is no room, for longer than a lease."""
    begun, beats = time.time(), Path(stand.env["PLUGINS_HEARTBEAT_DIR"])
    ended = begun + 2 * LEASE_S

    def held() -> bool:
        alive = {each.pid for each in seen(beats) if each.age_s < time.time() - ended}
        return _held_until(stand) > ended + LEASE_S and alive == {worker.pid for worker in stand.running()}

    wait_until(held, 60, "renewed leases and beats")


def recovers(stand: Stand, junk: Junk, sent: list[str]) -> None:
    """All that was sent is answered soon after there is room, and everything is right."""
    junk.clear()
    stand.answered(*sent, within_s=RECOVERED_S)
    stand.inspect().assert_clean()


@both_redises
def test_work_goes_on_once_there_is_room(stand: Stand, junk: Junk) -> None:
    sent = fill_it(stand, junk)
    before = used(stand.redis)
    stays_full(stand)
    # What is just being sent to it, and refused, counts too.
    wait_until(lambda: used(stand.redis) < before + 500_000, 60, "the memory of before")
    assert stand.redis.hlen(f"{QUEUE}:unacked")
    assert len(stand.running()) == 2
    recovers(stand, junk, sent)


@both_redises
def test_reads_that_wait_are_answered_once_there_is_room(stand: Stand, junk: Junk, tmp_path: Path) -> None:
    stand.ready(1)
    stand.send("0", "register", **registration("d", "jira"))
    stand.answered("0")
    reads = [f"read-{number}" for number in range(10)]
    with run_worker("-Q", "plugin.queries", env=stand.env, log=tmp_path / "queries.log") as queries:
        queries.pause()
        for read in reads:
            kwargs = {"domain_id": "d", "plugin_id": "jira"}
            stand.redis.lpush("plugin.queries", message("plugin.get", kwargs, read, "plugin.queries"))
        junk.fill()
        queries.resume()
        wait_until(lambda: "waits" in queries.output(), 60, "the wait")
        junk.clear()
        stand.answered(*reads, within_s=RECOVERED_S)
        wait_until(lambda: not stand.redis.exists("plugin.queries", "plugin.queries:unacked"), 60, "rest")


@both_redises
def test_an_owner_that_is_killed_while_it_is_full_is_replaced(stand: Stand, junk: Junk) -> None:
    sent = fill_it(stand, junk)
    killed = stand.owner()
    assert killed
    killed.kill()
    heir = wait_until(stand.owner, 60, "another owner")
    assert heir is not killed
    wait_until(lambda: stand.redis.hlen(f"{QUEUE}:unacked"), 60, "messages in its hands")
    stays_full(stand)
    recovers(stand, junk, sent)


@both_redises
def test_workers_that_start_while_it_is_full_take_what_waits(stand: Stand, junk: Junk) -> None:
    sent = fill_it(stand, junk)
    for worker in stand.running():
        worker.kill()
    stand.ready(2)
    wait_until(lambda: stand.redis.hlen(f"{QUEUE}:unacked"), 60, "messages in the hands of the new one")
    stays_full(stand)
    recovers(stand, junk, sent)


@both_redises
def test_a_worker_that_ends_while_it_is_full_gives_back(stand: Stand, junk: Junk) -> None:
    sent = fill_it(stand, junk)
    owner = stand.owner()
    assert owner
    owner.terminate()
    assert owner.wait() == 0
    wait_until(stand.owner, 60, "another owner")
    recovers(stand, junk, sent)


@both_redises
def test_junk_on_a_queue_leaves_a_full_redis(stand: Stand, junk: Junk) -> None:
    """A message that nobody can read makes room by itself: it becomes a dead letter."""
    stand.ready(1)
    for number in range(10):
        raw = b"{" * 400_000 + b"%d" % number
        stand.push_raw(raw)
        stand.model.poison[raw] += 1
    junk.fill()
    wait_until(lambda: not stand.redis.exists(QUEUE, f"{QUEUE}:poison"), 60, "the dead letters")
    junk.clear()
    stand.inspect().assert_clean()


def test_without_first_writes_that_need_no_memory_nobody_takes_over(
    mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    """The counterpart."""
    with _oldest(mongodb_server, tmp_path, "needs_memory") as (stand, junk):
        fill_it(stand, junk)
        killed = stand.owner()
        assert killed
        killed.kill()
        with pytest.raises(TimeoutError):
            wait_until(stand.owner, 5 * LEASE_S)


def test_without_going_on_no_worker_starts(mongodb_server: MongoReplicaSet, tmp_path: Path) -> None:
    """The counterpart."""
    with _oldest(mongodb_server, tmp_path, "going_on_when_full") as (stand, junk):
        junk.fill()
        worker = stand.start()
        wait_until(lambda: "Connection to broker lost" in worker.output(), 60, "one try after the other")
        assert WORKER_READY not in worker.output()


def test_without_a_limit_of_bytes_the_stream_fills_redis(
    mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    """The counterpart."""
    with _oldest(mongodb_server, tmp_path, "bytes_of_events") as (stand, _):
        _update_often(stand, 100)
        (worker,) = stand.running()
        wait_until(lambda: "waits: Redis is full" in worker.output(), 60, "a full Redis")


@contextmanager
def _oldest(mongodb: MongoReplicaSet, folder: Path, without: str) -> Iterator[tuple[Stand, Junk]]:
    """A stand on the oldest Redis, without some protections."""
    server = start_redis(folder / "redis", appendfsync=None, maxmemory="24mb", binary=redis_by_age()[0])
    with standing(server.url, mongodb.url(f"full_{server.port}"), folder, without) as stand:
        junk = Junk(stand.redis)
        yield stand, junk
        junk.stop()
    server.stop()


@both_redises
def test_updates_of_a_large_plugin_never_fill_it(stand: Stand) -> None:
    """Some hundred bytes each, and 300 KB of events, in a Redis of 24 MB."""
    with watched(stand.redis) as peak:
        _update_often(stand, 400)
        wait_until(lambda: _last(stand) == 401, 120, "the last update")
    assert peak.refused == 0
    assert peak.share < 0.8
    assert used_by_stream(stand) < 7_000_000


@both_redises
def test_a_stream_from_before_that_fills_it_makes_room_by_itself(stand: Stand) -> None:
    """Nobody has to trim by hand what a worker of before has put there."""
    stand.redis.config_set("maxmemory", "200mb")
    _update_often(stand, 60)
    wait_until(lambda: _last(stand) == 61, 60, "the updates")
    stand.stop()
    stand.redis.delete("plugin.events:bytes")
    _update(stand, 61)
    stand.redis.config_set("maxmemory", used(stand.redis) - 1_000_000)
    stand.ready(1)
    wait_until(lambda: _last(stand) == 62, 60, "the last update")
    assert used(stand.redis) < int(stand.redis.info("memory")["maxmemory"])


def _update_often(stand: Stand, times: int) -> None:
    """Updates of a large plugin, which nobody waits for."""
    stand.ready(1)
    stand.send("0", "register", **registration("full", "jira", capability={"x": "y" * 300_000}))
    stand.answered("0")
    for number in range(1, times + 1):
        _update(stand, number)


def _update(stand: Stand, number: int) -> None:
    raw = message("plugin.update", {**JIRA, "tags": {"n": number}}, f"u{number}", QUEUE, ignore_result=True)
    stand.push_raw(raw)


def _last(stand: Stand) -> int:
    last: Any = stand.redis.hget("plugin.events:revisions", "PluginChanged|full/jira")
    return int(last.split(b":")[0])


def used_by_stream(stand: Stand) -> int:
    return stand.redis.memory_usage("plugin.events", samples=0) or 0
