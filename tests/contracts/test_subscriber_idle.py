"""Consumers of a group as which no process reads any more are removed, and nothing is lost with them."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts._redis.idle_consumers import IdleConsumers
from contracts.events import STREAM
from tests.contracts.subscribers import Consumer, publish
from tests.support.any_redis import REAL, AnyRedis
from tests.support.servers import wait_until

GROUP = "billing"


@pytest.fixture
def redis(any_redis: AnyRedis) -> Any:
    client = any_redis.client()
    client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    return client


def names(redis: Any) -> set[str]:
    return {consumer["name"].decode() for consumer in redis.xinfo_consumers(STREAM, GROUP)}


def leave_consumers(redis: Any, count: int) -> None:
    """As many consumers as pods that died; the first has got everything that there was."""
    for number in range(count):
        redis.xgroup_createconsumer(STREAM, GROUP, f"pod-{number}")
        redis.xreadgroup(GROUP, f"pod-{number}", {STREAM: ">"})


def test_thirty_dead_consumers_are_removed(redis: Any, caplog: pytest.LogCaptureFixture) -> None:
    leave_consumers(redis, 30)
    publish(redis, 1)
    with caplog.at_level(logging.INFO, "contracts"):
        assert Consumer(redis, "new", forget_s=0.0).drain() == [("d/a", 1)]
    assert names(redis) == {"new"}
    assert "removed 30 consumers that were gone from the group billing" in caplog.text


def test_what_a_dead_consumer_had_is_handled_before_it_is_removed(redis: Any) -> None:
    publish(redis, 1)
    publish(redis, 2)
    leave_consumers(redis, 3)
    waiting = Consumer(redis, "new", idle_s=3_600, forget_s=0.0)
    assert waiting.drain() == []
    assert names(redis) >= {"pod-0", "new"}, "it has unacknowledged events"

    assert Consumer(redis, "newer", idle_s=0, forget_s=0.0).drain() == [("d/a", 1), ("d/a", 2)]
    assert names(redis) == {"newer"}
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


def test_a_consumer_with_unacknowledged_events_stays_and_keeps_them(redis: Any) -> None:
    publish(redis, 1)
    leave_consumers(redis, 2)
    IdleConsumers(redis, STREAM, GROUP, "new", 0.0).remove()
    assert names(redis) == {"pod-0"}
    assert [c["name"] for c in redis.xpending(STREAM, GROUP)["consumers"]] == [b"pod-0"]


@pytest.mark.parametrize("options", [{}, {"forget_s": None}])
def test_a_consumer_that_asked_within_the_hour_stays(redis: Any, options: dict[str, Any]) -> None:
    leave_consumers(redis, 3)
    Consumer(redis, "new", **options).drain()
    assert names(redis) == {"pod-0", "pod-1", "pod-2", "new"}


class ReadsMeanwhile:
    """A client of Redis. Right behind its look at the consumers, `name` reads what there is."""

    def __init__(self, redis: Any, name: str) -> None:
        self._redis = redis
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def xinfo_consumers(self, stream: str, group: str) -> Any:
        found = self._redis.xinfo_consumers(stream, group)
        self._redis.xreadgroup(group, self._name, {stream: ">"})
        return found


def test_what_a_consumer_gets_at_that_very_moment_is_not_lost(redis: Any) -> None:
    leave_consumers(redis, 1)
    consumer = Consumer(redis, "new", forget_s=0.0)
    consumer.drain()
    leave_consumers(redis, 1)
    for revision in (1, 2, 3):
        publish(redis, revision)

    idle = IdleConsumers(ReadsMeanwhile(redis, "pod-0"), STREAM, GROUP, "new", 0.0)
    idle.remove()

    assert consumer.drain() == [("d/a", 1), ("d/a", 2), ("d/a", 3)]
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


# A fake does not block.
@pytest.mark.parametrize("any_redis", REAL, indirect=True)
def test_a_consumer_that_blocks_comes_back(redis: Any, any_redis: AnyRedis) -> None:
    reader = any_redis.client()
    with ThreadPoolExecutor() as thread:
        reading = thread.submit(reader.xreadgroup, GROUP, "pod-0", {STREAM: ">"}, block=60_000)
        wait_until(lambda: redis.info("clients")["blocked_clients"] == 1, 10)
        IdleConsumers(redis, STREAM, GROUP, "new", 0.0).remove()
        assert names(redis) == set()
        publish(redis, 1)
        assert reading.result(timeout=60)
    assert names(redis) == {"pod-0"}
    assert Consumer(redis, "new").drain() == [("d/a", 1)]


def test_they_are_looked_for_once_in_that_time(redis: Any) -> None:
    now = [0.0]
    idle = IdleConsumers(redis, STREAM, GROUP, "new", 0.5, clock=lambda: now[0])

    def gone() -> bool:
        now[0] += 0.5
        idle.remove()
        return names(redis) == set()

    leave_consumers(redis, 2)
    wait_until(gone, 10)
    leave_consumers(redis, 2)
    wait_until(lambda: min(c["idle"] for c in redis.xinfo_consumers(STREAM, GROUP)) >= 500, 10)
    now[0] += 0.4
    idle.remove()
    assert len(names(redis)) == 2
    wait_until(gone, 10)
