"""`plugins doctor` on the memory of Redis: how full it is, and what fills it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from tests.support.servers import RedisServer, start_redis
from worker.cli.operate.doctor.finding import Finding, Server
from worker.cli.operate.doctor.servers import inspect_redis

MIB = 2**20
USES: tuple[Server, ...] = ("broker", "results", "events")
pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    made = start_redis(tmp_path_factory.mktemp("memory"), appendfsync=None, maxmemory="0")
    yield made
    made.stop()


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as made:
        made.flushall()
        made.config_set("maxmemory", 0)
        yield made


def used_to(client: redis.Redis, share: float) -> None:
    client.config_set("maxmemory", int(int(client.info("memory")["used_memory"]) / share))


def look(client: Any, uses: tuple[Server, ...] = USES) -> Finding:
    return next(found for found in inspect_redis(client, uses) if found.check.startswith("redis_memory"))


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.3, "ok"), (0.58, "ok"), (0.62, "warn"), (0.78, "warn"), (0.82, "fail"), (1.2, "fail")],
)
def test_it_warns_before_it_fails(client: redis.Redis, share: float, level: str) -> None:
    client.set("x", bytes(5 * MIB))
    used_to(client, share)
    found = look(client)
    assert found.level == level
    assert found.text.endswith("are used (30%)") == (share == 0.3)


def test_a_redis_without_a_limit_is_told(client: redis.Redis) -> None:
    found = look(client)
    assert (found.level, found.text.endswith("are used; it has no maxmemory")) == ("ok", True)


def many(add: Callable[[bytes], Any]) -> None:
    for number in range(200):
        add(b"%3d" % number + bytes(50_000))


FILLED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda c: many(lambda x: c.lpush("plugin.commands", x)), "messages that wait on plugin.commands"),
    (lambda c: many(lambda x: c.lpush("plugin.queries\x06\x163", x)), "messages that wait on plugin.queries"),
    (
        lambda c: many(lambda x: c.hset("plugin.commands:unacked", x[:3], x)),
        "messages in the hands of workers",
    ),
    (lambda c: many(lambda x: c.lpush("plugin.versions:poison", x)), "parked messages"),
    (lambda c: many(lambda x: c.xadd("plugin.events", {"data": x})), "events (plugin.events)"),
    (lambda c: many(lambda x: c.xadd("plugin.rejections", {"id": x})), "refusals (plugin.rejections)"),
    (
        lambda c: many(lambda x: c.hset("plugin.events:revisions", x[:3], x)),
        "positions (plugin.events:revisions)",
    ),
    (lambda c: many(lambda x: c.set(b"celery-task-meta-" + x[:3], x)), "answers and other keys"),
]


@pytest.mark.parametrize(("fill", "what"), FILLED, ids=[what for _, what in FILLED])
def test_what_fills_it_is_named(client: redis.Redis, fill: Callable[[Any], Any], what: str) -> None:
    client.lpush("plugin.versions", bytes(MIB))
    client.xadd("plugin.events", {"data": bytes(MIB)})
    fill(client)
    used_to(client, 0.9)
    found = look(client)
    assert f"the most by {what}: " in found.text
    assert found.details["by"][what] > 8 * MIB
    assert found.advice


def test_a_few_large_events_do_not_spoil_the_size_of_the_stream(client: redis.Redis) -> None:
    for _ in range(3):
        client.xadd("plugin.events", {"data": bytes(MIB)})
    for _ in range(3000):
        client.xadd("plugin.events", {"data": b"x"})
    client.set("x", bytes(2 * MIB))
    used_to(client, 1.2)
    assert int(client.memory_usage("plugin.events") or 0) > 5 * MIB
    found = look(client)
    assert 3 * MIB < found.details["by"]["events (plugin.events)"] < 4 * MIB


def test_the_ledger_tells_how_large_the_stream_is(client: redis.Redis) -> None:
    client.xadd("plugin.events", {"data": bytes(6 * MIB)})
    client.rpush("plugin.events:bytes", "10 1000", "20 2000000", "30 7001000")
    used_to(client, 0.9)
    assert look(client).details["by"]["events (plugin.events)"] == 7_000_000
    client.rpush("plugin.events:bytes", "nonsense")
    assert 6 * MIB < look(client).details["by"]["events (plugin.events)"] < 8 * MIB


@pytest.mark.parametrize(
    ("share", "told"), [(0.9, "once it is full"), (1.2, "it is full, refuses what adds")]
)
def test_a_full_redis_is_told_as_full(client: redis.Redis, share: float, told: str) -> None:
    client.set("x", bytes(5 * MIB))
    used_to(client, share)
    assert told in look(client).advice


def test_only_what_a_redis_is_for_is_looked_at(client: redis.Redis) -> None:
    client.xadd("plugin.events", {"data": bytes(6 * MIB)})
    used_to(client, 0.9)
    assert "answers and other keys" in look(client, ("results",)).text


def test_without_a_right_it_tells_so(client: redis.Redis, server: RedisServer) -> None:
    client.xadd("plugin.events", {"data": bytes(6 * MIB)})
    client.lpush("plugin.commands", *[b"x"] * 9)
    used_to(client, 0.9)
    client.acl_setuser("half", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-memory"])
    client.acl_setuser("none", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info"])
    with redis.Redis(port=server.port, username="half", password="x") as half:
        found = look(half)
    assert found.level == "fail"
    told = "no right to MEMORY USAGE; the most elements: messages that wait on plugin.commands, 9"
    assert found.text.endswith(told)
    assert "for the user `operator`" in found.advice
    with redis.Redis(port=server.port, username="none", password="x") as none:
        (told_so,) = inspect_redis(none, USES)
        (settled,) = inspect_redis(none, USES, limits=(1, 1))
    assert (told_so.level, told_so.text.split(":")[0]) == ("warn", "no right to INFO")
    assert "PLUGINS_EVENTS_MAX_BYTES" in told_so.advice
    assert settled.level == "ok"
