"""`PluginClient.ask_many` without answers or without a Redis, and sending again with the same ids."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from celery.backends.redis import RedisBackend
from redis import Redis

from contracts import errors
from contracts._client import app
from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from tests.contracts.service import (
    COMMANDS,
    UNANSWERED,
    Sent,
    Service,
    enable,
    plugin_of,
    stored,
    unlimited,
    waiting,
)
from tests.support.servers import RedisServer, free_port, wait_until

LATE = errors.DeadlineExceeded("late")


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
def caller(redis_url: str) -> Iterator[PluginClient]:
    """A client of a Redis without workers."""
    with PluginClient(redis_url) as client:
        yield client


def named(*ids: str) -> list[dict[str, Any]]:
    return [enable(f"p-{command_id}", id=command_id) for command_id in ids]


def answer(redis: Redis, command_id: str, answer: Any) -> None:
    """Answers the last message of this id that waits on the queue."""
    sent = [sent for sent in waiting(redis) if sent.id == command_id][-1]
    redis.set(sent.key, stored(sent.answer_id, answer))


def answering(redis: Redis, commands: list[dict[str, Any]], *answered: str) -> Iterator[dict[str, Any]]:
    """Commands of which some are answered as soon as they were sent."""
    for command in commands:
        yield command
        if command["id"] in answered:
            answer(redis, command["id"], {})


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command is sent before the next one is read."""
    monkeypatch.setattr("contracts._client.sender.FLUSH_S", 0.0)


@pytest.mark.usefixtures("one_by_one")
def test_what_is_not_answered_in_time_is_told_by_its_ids(caller: PluginClient, redis: Redis) -> None:
    commands = answering(redis, named("a", "b", "c", "d", "e"), "b", "d")
    outcomes = caller.ask_many(commands, timeout_s=0.1)
    assert [next(outcomes).id, next(outcomes).id] == ["b", "d"]
    with pytest.raises(AskTimeout) as raised:
        next(outcomes)
    assert raised.value.ids == ("a", "c", "e")
    assert (raised.value.command_id, raised.value.timeout_s) == ("a", 0.1)


def test_what_was_not_sent_yet_has_no_outcome_either(caller: PluginClient, redis: Redis) -> None:
    with pytest.raises(AskTimeout) as raised:
        next(caller.ask_many(named("a", "b", "c"), timeout_s=0.1, window=2))
    assert raised.value.ids == ("a", "b", "c")
    assert redis.llen(COMMANDS) == 2


def test_of_an_iterable_only_what_was_read_can_be_told(caller: PluginClient) -> None:
    with pytest.raises(AskTimeout) as raised:
        next(caller.ask_many(unlimited(), timeout_s=0.1, window=3))
    assert raised.value.ids == ("id-0", "id-1", "id-2")


@pytest.mark.usefixtures("one_by_one")
def test_an_answer_that_came_in_time_is_an_outcome_however_late_it_is_looked_at(
    caller: PluginClient, redis: Redis
) -> None:
    outcomes = caller.ask_many(answering(redis, named("a", "b"), "a"), timeout_s=0.0)
    assert next(outcomes).id == "a"
    answer(redis, "b", {})
    assert next(outcomes).id == "b"


def test_the_answer_to_an_earlier_message_is_not_the_answer(
    caller: PluginClient, redis: Redis, redis_url: str
) -> None:
    redis.set("celery-task-meta-a", stored("a", errors.PluginNotFound("there is none")))
    with Service(redis_url, plugin_of):
        (outcome,) = caller.ask_many(named("a"))
    assert outcome.result == {"plugin_id": "p-a"}


def test_an_earlier_message_that_comes_too_late_does_not_answer_a_later_one(
    caller: PluginClient, redis: Redis, redis_url: str
) -> None:
    def handle(sent: Sent) -> Any:
        if len(service.seen) == 1:
            wait_until(lambda: redis.llen(COMMANDS) == 1, 60, "the later message")
            return LATE
        return {"n": 2}

    caller.send_many(named("a"), expires_s=60)
    with Service(redis_url, handle) as service:
        (outcome,) = caller.ask_many(named("a"))
    assert outcome.result == {"n": 2}


def test_its_own_deadline_is_its_own(caller: PluginClient, redis_url: str) -> None:
    with Service(redis_url, lambda sent: LATE):
        made, passed = [
            *caller.ask_many([enable("a")], expires_s=60),
            *caller.ask_many(named("a"), expires_s=0.0),
        ]
    assert isinstance(made.error, errors.DeadlineExceeded)
    assert isinstance(passed.error, errors.DeadlineExceeded)


def test_a_redis_that_is_not_there_is_told_with_all_ids() -> None:
    nowhere = PluginClient(f"redis://127.0.0.1:{free_port()}/0")
    with nowhere as client, pytest.raises(RedisUnavailable) as raised:
        next(client.ask_many(named("a", "b", "c"), window=2))
    assert raised.value.ids == ("a", "b", "c")


def test_a_redis_that_does_not_come_back_is_told_with_what_has_no_outcome(mortal_redis: RedisServer) -> None:
    with PluginClient(mortal_redis.url) as client:
        with Service(mortal_redis.url, lambda sent: {} if sent.id == "b" else UNANSWERED):
            outcomes = client.ask_many(named("a", "b", "c"), window=3)
            assert next(outcomes).id == "b"
        mortal_redis.kill()
        with pytest.raises(RedisUnavailable) as raised:
            next(outcomes)
    assert raised.value.ids == ("a", "c")


def test_answers_are_found_after_a_restart_of_redis(mortal_redis: RedisServer) -> None:
    with PluginClient(mortal_redis.url) as client:
        with Service(mortal_redis.url, lambda sent: {} if sent.id == "b" else UNANSWERED) as service:
            outcomes = client.ask_many(named("a", "b", "c"))
            assert next(outcomes).id == "b"
            wait_until(lambda: len(service.seen) == 3, 60, "all of them")
        mortal_redis.kill()
        mortal_redis.start()
        with Redis.from_url(mortal_redis.url) as redis:
            for sent in (service.seen[2], service.seen[0]):
                redis.set(sent.key, stored(sent.answer_id, {}))
        assert {outcome.id for outcome in outcomes} == {"a", "c"}


def test_an_outage_while_answers_are_waited_for_costs_time(
    mortal_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(backend: RedisBackend, *arguments: Any) -> Any:
        seen.set()
        return on_connection_error(backend, *arguments)

    seen = threading.Event()
    on_connection_error = RedisBackend.on_connection_error
    monkeypatch.setattr(RedisBackend, "on_connection_error", again)
    # However long a restart takes on this machine.
    monkeypatch.setitem(app._PATIENCE, "max_retries", 1_000)
    with PluginClient(mortal_redis.url) as client, ThreadPoolExecutor(1) as thread:
        with Redis.from_url(mortal_redis.url) as redis:
            asked = thread.submit(lambda: [outcome.id for outcome in client.ask_many(named("a"))])
            wait_until(lambda: redis.llen(COMMANDS), 60, "the command")
        mortal_redis.kill()
        assert seen.wait(60)
        mortal_redis.start()
        with Redis.from_url(mortal_redis.url) as redis:
            answer(redis, "a", {})
        assert asked.result() == ["a"]


def test_sent_again_after_an_outage_all_have_their_outcomes(mortal_redis: RedisServer) -> None:
    commands = list(islice(unlimited(), 3_000))
    outcomes: dict[str, Any] = {}
    with PluginClient(mortal_redis.url) as client:
        with Service(mortal_redis.url, plugin_of, publishes=False):
            taking = client.ask_many(commands, window=100)
            for outcome in islice(taking, 1_000):
                outcomes[outcome.id] = outcome.result
        mortal_redis.kill()
        with pytest.raises(RedisUnavailable) as raised:
            outcomes.update((outcome.id, outcome.result) for outcome in taking)
        mortal_redis.start()
        missing = [command["id"] for command in commands if command["id"] not in outcomes]
        assert sorted(raised.value.ids) == sorted(missing)
        again = [command for command in commands if command["id"] in set(raised.value.ids)]
        with Service(mortal_redis.url, plugin_of, publishes=False):
            outcomes.update((outcome.id, outcome.result) for outcome in client.ask_many(again))
    assert outcomes == {command["id"]: {"plugin_id": command["params"]["plugin_id"]} for command in commands}
