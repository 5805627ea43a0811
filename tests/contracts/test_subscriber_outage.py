"""`contracts.subscriber`: an outage of its Redis is waited for, what its caller's functions raise is not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from contracts.events import PLUGIN_CHANGED, STREAM
from contracts.subscriber import Event, Subscriber
from tests.support.servers import RedisServer, free_port, wait_until


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as made:
        yield made


def publish(client: redis.Redis, revision: int) -> None:
    fields = {"type": PLUGIN_CHANGED, "subject": "d/jira", "sequence": f"{revision:020d}"}
    client.xadd(STREAM, {**fields, "data": json.dumps({"revision": revision})})


@pytest.mark.parametrize("who", ["handler", "on_gap", "on_unreadable"])
@pytest.mark.parametrize(
    "fault",
    [
        redis.TimeoutError("a Redis of its own"),
        redis.ConnectionError("a Redis of its own"),
        redis.exceptions.ReadOnlyError("a Redis of its own"),
        redis.ResponseError("NOGROUP in a Redis of its own"),
        ZeroDivisionError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_what_the_callers_functions_raise_ends_it(client: redis.Redis, who: str, fault: Exception) -> None:
    calls: list[tuple[Any, ...]] = []

    def fail(*arguments: Any) -> None:
        calls.append(arguments)
        raise fault

    functions: dict[str, Any] = {"handler": lambda event: None, who: fail}
    subscriber = Subscriber(client, "billing", "a", **functions)
    publish(client, 1)
    if who == "on_unreadable":
        client.xadd(STREAM, {"no": "event"})
    publish(client, 3)

    for times in (1, 2):
        with pytest.raises(type(fault)) as raised:
            subscriber.run(stop=lambda: len(calls) > times, block_s=0.01)  # noqa: B023
        assert raised.value is fault
        assert len(calls) == times
    assert calls[0] == calls[1]


def test_an_outage_is_waited_for_and_logged_once(
    mortal_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []

    def handle(event: Event) -> None:
        seen.append(event.revision)

    def told() -> list[str]:
        return [record.getMessage().split(":")[0] for record in caplog.records]

    url = mortal_redis.url
    with (
        caplog.at_level(logging.INFO, "contracts.subscriber"),
        redis.Redis.from_url(url) as own,
        redis.Redis.from_url(url) as admin,
        ThreadPoolExecutor(1) as thread,
    ):
        publish(admin, 1)
        running = thread.submit(Subscriber(own, "billing", "a", handle).run, lambda: len(seen) == 2, 5.0)
        # A failover ends the reads that block, and then refuses others.
        wait_until(lambda: seen and admin.info("clients")["blocked_clients"], 60, "a read that blocks")
        admin.replicaof("127.0.0.1", free_port())
        refused = "errorstat_READONLY"
        wait_until(
            lambda: refused in admin.info("errorstats") or running.done(), 60, "a read that is refused"
        )
        mortal_redis.kill()
        mortal_redis.start()  # as the primary that it is configured to be
        publish(admin, 2)
        running.result(60)
    assert seen == [1, 2]
    assert told() == ["group billing waits for its Redis", "the Redis of group billing answers again"]


def test_an_event_that_redis_takes_no_note_of_is_handled_once(mortal_redis: RedisServer) -> None:
    seen: list[int] = []

    def handle(event: Event) -> None:
        seen.append(event.revision)

    url = mortal_redis.url
    with (
        redis.Redis.from_url(url) as own,
        redis.Redis.from_url(url) as admin,
        ThreadPoolExecutor(1) as thread,
    ):
        subscriber = Subscriber(own, "billing", "a", handle)
        subscriber.join()
        publish(admin, 1)
        admin.config_set("maxmemory", 1)
        running = thread.submit(subscriber.run, lambda: len(seen) == 2, 0.05)

        def refused() -> bool:
            return admin.info("errorstats").get("errorstat_OOM", {"count": 0})["count"] >= 3

        wait_until(lambda: refused() or running.done(), 60, "writes that are refused")
        admin.config_set("maxmemory", 0)
        publish(admin, 2)
        running.result(60)
    assert seen == [1, 2]
