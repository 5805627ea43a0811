"""`PluginClient.send_many`: the messages of `send`, many in a round trip."""

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from contracts import errors
from contracts._client.sender import MAX_CHUNK
from contracts.client import PluginClient, RedisUnavailable
from contracts.partition import queue_of
from tests.contracts.service import COMMANDS, QUERIES, Sent, enable, get, unlimited, waiting
from tests.support.servers import RedisServer, free_port
from tests.support.tls import TlsFront, make_certificate

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def full_round_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine sends no more often."""
    monkeypatch.setattr("contracts._client.sender.FLUSH_S", math.inf)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


def comparable(sent: Sent) -> dict[str, Any]:
    """A message without what differs between any two: ids of the sending, and the time of the deadline."""
    message = sent.message
    properties = message["properties"] | {"reply_to": "", "delivery_tag": ""}
    headers = message["headers"] | {"expires": bool(message["headers"]["expires"])}
    return {**message, "properties": properties, "headers": headers}


@pytest.mark.parametrize("expires_s", [None, 60])
@pytest.mark.parametrize("traceparent", [None, TRACE])
@pytest.mark.parametrize("command", [enable("jira"), get("jira")], ids=lambda command: command["operation"])
def test_a_message_is_that_of_send(
    redis: Redis, redis_url: str, command: dict[str, Any], traceparent: str | None, expires_s: float | None
) -> None:
    options: dict[str, Any] = {"expires_s": expires_s, "traceparent": traceparent}
    with PluginClient(redis_url, token="secret", own_only=True) as client:
        client.send(command["operation"], command_id="one", **options, **command["params"])
        client.send_many([command | {"id": "one"}], **options)
    one, many = waiting(redis, QUERIES if command["operation"] == "get" else COMMANDS)
    assert comparable(many) == comparable(one)
    assert many.message["properties"].keys() == one.message["properties"].keys()
    assert many.message["properties"]["delivery_tag"] != one.message["properties"]["delivery_tag"]


def test_each_message_has_a_deadline_of_its_own(redis: Redis, redis_url: str) -> None:
    with PluginClient(redis_url) as client:
        client.send_many([enable("a"), enable("b")], expires_s=60)
    first, second = (sent.headers["expires"] for sent in waiting(redis))
    assert first < second


@pytest.mark.parametrize("partitions", [1, 3])
def test_each_queue_has_its_commands_in_the_order_given(
    redis: Redis, redis_url: str, partitions: int
) -> None:
    commands = [enable(f"p{number % 7}", id=f"w{number}") for number in range(2 * MAX_CHUNK + 10)]
    commands[5:5] = [get("p0", id="r0"), get("p1", id="r1")]
    with PluginClient(redis_url, partitions=partitions) as client:
        ids = client.send_many(commands)

    assert ids == [command["id"] for command in commands]
    expected: dict[str, list[str]] = {}
    for command in commands:
        write = command["operation"] == "enable"
        queue = queue_of("plugin.enable", command["params"], partitions) if write else QUERIES
        expected.setdefault(queue, []).append(command["id"])
    assert {queue: [sent.id for sent in waiting(redis, queue)] for queue in expected} == expected


def pushes(redis: Redis) -> int:
    """How many LPUSH the Redis was sent since `config_resetstat`."""
    calls: int = redis.info("commandstats").get("cmdstat_lpush", {"calls": 0})["calls"]
    return calls


def test_many_commands_are_few_round_trips(redis: Redis, redis_url: str) -> None:
    redis.config_resetstat()
    with PluginClient(redis_url) as client:
        client.send_many([])
        assert pushes(redis) == 0
        client.send_many(enable("a") for _ in range(2 * MAX_CHUNK + 1))
        assert pushes(redis) == 3
        large = enable("a", id="large")["params"] | {"tags": {"a": "x" * 300_000}}
        client.send_many({"operation": "update", "params": large} for _ in range(9))
    assert pushes(redis) == 3 + 3
    assert redis.llen(COMMANDS) == 2 * MAX_CHUNK + 1 + 9


def test_a_slow_iterable_is_sent_as_it_comes(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contracts._client.sender.FLUSH_S", 0.0)

    def commands() -> Iterator[dict[str, Any]]:
        for number in range(3):
            assert redis.llen(COMMANDS) == number
            yield enable("a")

    with PluginClient(redis_url) as client:
        client.send_many(commands())


def test_ids_are_kept_or_made_and_no_answer_is_asked_for(redis: Redis, redis_url: str) -> None:
    with PluginClient(redis_url) as client:
        ids = client.send_many([enable("a", id="mine"), enable("b"), enable("c")])
        subscribed = redis.pubsub_channels("celery-task-meta-*")
    assert ids[0] == "mine" and len(set(ids)) == 3
    assert [sent.id for sent in waiting(redis)] == ids
    assert {sent.headers["ignore_result"] for sent in waiting(redis)} == {True}
    assert subscribed == []


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    (enable("a") | {"operation": "explode"}, ValueError, "unknown operation explode"),
    (enable("a", id="first"), ValueError, "two commands have the id first"),
    ({"params": {}}, ValueError, f"command {MAX_CHUNK + 2} has no operation"),
    ({"operation": "enable"}, ValueError, f"command {MAX_CHUNK + 2} has no params"),
    (enable("a") | {"params": []}, ValueError, f"params of command {MAX_CHUNK + 2} are not a mapping"),
    (enable("a", id="é"), errors.InvalidParameter, "printable ASCII"),
    (enable("a") | {"params": {"tags": "x" * 400_000}}, errors.InvalidParameter, "bytes in base64"),
]


@pytest.mark.parametrize(("wrong", "error", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_a_sequence_is_checked_before_anything_is_sent(
    redis: Redis, redis_url: str, wrong: dict[str, Any], error: type[Exception], words: str
) -> None:
    commands = [enable("a", id="first"), *(enable("a") for _ in range(MAX_CHUNK)), wrong]
    with PluginClient(redis_url) as client, pytest.raises(error, match=words):
        client.send_many(commands)
    assert redis.llen(COMMANDS) == 0


@pytest.mark.parametrize(("wrong", "error", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_an_iterable_is_sent_as_it_is_read(
    redis: Redis, redis_url: str, wrong: dict[str, Any], error: type[Exception], words: str
) -> None:
    def commands() -> Iterator[dict[str, Any]]:
        yield enable("a", id="first")
        yield from (enable("a") for _ in range(MAX_CHUNK))
        assert redis.llen(COMMANDS) == MAX_CHUNK
        yield wrong
        raise AssertionError("nothing is read behind a wrong command")

    with PluginClient(redis_url) as client, pytest.raises(error, match=words):
        client.send_many(commands())


def test_a_queue_gets_all_commands_of_a_round_trip_or_none(mortal_redis: RedisServer) -> None:
    """A Redis that is full for a moment must not take a later command of a plugin before an earlier one."""
    commands = [enable("a", id=f"id-{number}") for number in range(MAX_CHUNK)]
    for command in commands:
        command["params"]["tags"] = {"a": "x" * 2_000}
    with PluginClient(mortal_redis.url) as client, Redis.from_url(mortal_redis.url) as redis:
        client.send_many([enable("a")])
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", int(redis.info("memory")["used_memory"]) + 300_000)
        with pytest.raises(RedisUnavailable) as raised:
            client.send_many(commands)
        redis.config_set("maxmemory", 0)
        assert list(raised.value.ids) == [command["id"] for command in commands]
        assert redis.llen(COMMANDS) == 1


def test_what_may_not_have_arrived_is_told_by_its_ids(mortal_redis: RedisServer) -> None:
    def commands() -> Iterator[dict[str, Any]]:
        yield from islice(unlimited(), MAX_CHUNK)
        mortal_redis.kill()
        yield from islice(unlimited(), MAX_CHUNK, 3 * MAX_CHUNK)

    with PluginClient(mortal_redis.url) as client, pytest.raises(RedisUnavailable) as raised:
        client.send_many(commands())
    assert list(raised.value.ids) == [f"id-{number}" for number in range(MAX_CHUNK, 2 * MAX_CHUNK)]


def test_of_a_sequence_all_that_did_not_arrive_are_told() -> None:
    commands = list(islice(unlimited(), 2 * MAX_CHUNK))
    with (
        PluginClient(f"redis://127.0.0.1:{free_port()}/0") as client,
        pytest.raises(RedisUnavailable) as raised,
    ):
        client.send_many(commands)
    assert list(raised.value.ids) == [command["id"] for command in commands]


def test_a_restarted_redis_is_connected_again(mortal_redis: RedisServer) -> None:
    with PluginClient(mortal_redis.url) as client, Redis.from_url(mortal_redis.url) as redis:
        client.send_many([enable("a")])
        mortal_redis.kill()
        mortal_redis.start()
        client.send_many([enable("b", id="after")])
        assert waiting(redis)[-1].id == "after"


@pytest.mark.process
def test_over_tls(redis: Redis, redis_server: RedisServer, redis_url: str, tmp_path: Path) -> None:
    number = redis_url.rsplit("/", 1)[1]
    with TlsFront(redis_server.port, make_certificate(tmp_path, "redis")) as front:
        url = f"rediss://localhost:{front.port}/{number}"
        # A client that does not know the certificate, then one that does: their connections are not shared.
        for _ in range(2):
            with PluginClient(url) as stranger, pytest.raises(RedisUnavailable, match="certificate"):
                stranger.send_many([enable("a")])
            with PluginClient(f"{url}?ssl_ca_certs={tmp_path}/redis.pem") as client:
                client.send_many([enable("a", id="secured")])
    assert [sent.id for sent in waiting(redis)] == ["secured"] * 2
