"""`contracts.subscriber`: an outage of its Redis is waited for, what its caller's functions raise is not."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from contracts.events import STREAM
from contracts.subscriber import Event, Subscriber
from tests.contracts.subscribers import publish
from tests.support.any_redis import AnyRedis
from tests.support.servers import RedisServer, free_port, wait_until


def open_redis(url: str) -> Any:
    return redis.Redis.from_url(url)


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
def test_what_the_callers_functions_raise_ends_it(any_redis: AnyRedis, who: str, fault: Exception) -> None:
    client: Any = any_redis.client()
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
        open_redis(url) as own,
        open_redis(url) as admin,
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
        open_redis(url) as own,
        open_redis(url) as admin,
        ThreadPoolExecutor(1) as thread,
    ):
        subscriber = Subscriber(own, "billing", "a", handle)
        subscriber.join()
        publish(admin, 1)
        admin.config_set("maxmemory", 1)
        running = thread.submit(subscriber.run, lambda: len(seen) == 2, 0.05)

        def refused() -> bool:
            return bool(admin.info("errorstats").get("errorstat_OOM", {"count": 0})["count"] >= 3)

        wait_until(lambda: refused() or running.done(), 60, "writes that are refused")
        admin.config_set("maxmemory", 0)
        publish(admin, 2)
        running.result(60)
    assert seen == [1, 2]
