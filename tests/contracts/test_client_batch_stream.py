"""`PluginClient.batch` with an iterable that is no sequence: batches are sent while it is read."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from contracts import errors
from contracts.client import AskTimeout, PluginClient
from contracts.partition import queue_of
from tests.contracts.service import COMMANDS, Sent, Service, enable, rows_of, stored, waiting


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
def caller(redis_url: str) -> Iterator[PluginClient]:
    """A client of a Redis without workers."""
    with PluginClient(redis_url) as client:
        yield client


def sizes(redis: Redis, queue: str = COMMANDS) -> list[int]:
    return [len(sent.params["commands"]) for sent in waiting(redis, queue)]


def timed_out(client: PluginClient, commands: Iterator[dict[str, Any]], **options: Any) -> tuple[str, ...]:
    """Send the batches; return the ids that the end of the wait tells."""
    with pytest.raises(AskTimeout) as raised:
        client.batch(commands, timeout_s=0.05, **options)
    return raised.value.ids


def test_a_full_batch_is_sent_before_more_is_read(caller: PluginClient, redis: Redis) -> None:
    def commands() -> Iterator[dict[str, Any]]:
        for number in range(500):
            yield enable(f"p{number}", id=f"{number}")
        assert sizes(redis) == []
        yield enable("p500", id="500")
        assert sizes(redis) == [500]
        for number in range(501, 510):
            yield enable("p500", id=f"{number}")

    assert timed_out(caller, commands(), flush_s=math.inf) == tuple(str(number) for number in range(510))
    assert sizes(redis) == [500, 10]


def test_a_batch_with_fifty_commands_of_a_plugin_is_full(caller: PluginClient, redis: Redis) -> None:
    timed_out(caller, (enable("a") for _ in range(120)), flush_s=math.inf)
    assert sizes(redis) == [50, 50, 20]


def test_a_batch_of_three_megabytes_is_full(caller: PluginClient, redis: Redis) -> None:
    params = {"domain_id": "d", "plugin_id": "a", "tags": {"a": "x" * 1_000_000}}
    timed_out(caller, ({"operation": "update", "params": params} for _ in range(5)), flush_s=math.inf)
    assert sizes(redis) == [2, 2, 1]


def test_an_old_batch_is_sent_when_a_command_is_read(caller: PluginClient, redis: Redis) -> None:
    def commands() -> Iterator[dict[str, Any]]:
        for number in range(3):
            assert sizes(redis) == [1] * number
            yield enable("a")

    timed_out(caller, commands(), flush_s=0.0)
    assert sizes(redis) == [1, 1, 1]


def test_each_partition_is_filled_alone(redis: Redis, redis_url: str) -> None:
    plugins = [f"p{number}" for number in range(40)]
    queues = [queue_of("plugin.enable", enable(plugin)["params"], 3) for plugin in plugins]
    with PluginClient(redis_url, partitions=3) as client:
        timed_out(client, (enable(plugin) for plugin in plugins), flush_s=math.inf)
    for queue in set(queues):
        assert sizes(redis, queue) == [queues.count(queue)]


def test_a_sequence_makes_full_batches_however_slow_the_machine_is(
    caller: PluginClient, redis: Redis
) -> None:
    with pytest.raises(AskTimeout):
        caller.batch([enable(f"p{number}") for number in range(700)], timeout_s=0.05, flush_s=0.0)
    assert sizes(redis) == [500, 200]


def test_outcomes_are_in_the_order_given(redis_url: str) -> None:
    def handle(sent: Sent) -> Any:
        if any(item["id"] == "7" for item in sent.params["commands"]):
            return errors.InvalidParameter("a whole batch is refused")
        return list(reversed(rows_of(sent)))

    queues = [f"plugin.commands.{index}" for index in range(3)]
    with PluginClient(redis_url, partitions=3) as client, Service(redis_url, handle, queues):
        outcomes = client.batch((enable(f"p{n}", id=f"{n}") for n in range(300)), flush_s=0.001)
    assert [outcome.id for outcome in outcomes] == [f"{n}" for n in range(300)]
    assert all(outcome.error or outcome.result == {"plugin_id": f"p{outcome.id}"} for outcome in outcomes)
    assert isinstance(outcomes[7].error, errors.InvalidParameter)


def test_answers_are_taken_while_commands_are_read(caller: PluginClient, redis: Redis) -> None:
    """Redis keeps an answer for an hour: an iterable may take longer."""

    def commands() -> Iterator[dict[str, Any]]:
        yield enable("a", id="one")
        (first,) = waiting(redis)
        redis.set(first.key, stored(first.answer_id, rows_of(first)))
        yield enable("a", id="two")
        assert redis.keys("celery-task-meta-*") == []

    assert timed_out(caller, commands(), flush_s=0.0) == ("one", "two")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (enable("a", id="one"), "two commands have the id one"),
        (enable("a") | {"operation": "get"}, "plugin.get is not a write"),
        ({"params": {}}, "command 2 has no operation"),
        ({"operation": "enable"}, "command 2 has no params"),
        (enable("a") | {"params": None}, "params of command 2 are not a mapping"),
    ],
)
def test_a_wrong_command_ends_what_is_read(
    caller: PluginClient, redis: Redis, wrong: dict[str, Any], words: str
) -> None:
    def commands() -> Iterator[dict[str, Any]]:
        yield enable("a", id="one")
        yield wrong
        raise AssertionError("nothing is read behind a wrong command")

    with pytest.raises(ValueError, match=words):
        caller.batch(commands(), flush_s=0.0)
    assert sizes(redis) == [1]
    with pytest.raises(ValueError, match=words):
        caller.batch([enable("a", id="one"), wrong], flush_s=0.0)
    assert sizes(redis) == [1]


@pytest.mark.parametrize("flush_s", [-1, float("nan")])
def test_a_wrong_flush_s_is_refused_before_anything_is_sent(
    caller: PluginClient, redis: Redis, flush_s: float
) -> None:
    with pytest.raises(ValueError, match="flush_s must be at least 0, not "):
        caller.batch(iter([enable("a")]), flush_s=flush_s)
    assert sizes(redis) == []
