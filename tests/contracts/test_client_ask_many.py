"""`PluginClient.ask_many`: outcomes as the answers come, however many there are."""

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from redis import Redis

from contracts import errors
from contracts.client import PluginClient, UnreadableAnswer
from contracts.partition import queue_of
from tests.contracts.service import (
    COMMANDS,
    UNANSWERED,
    Sent,
    Service,
    enable,
    get,
    plugin_of,
    stored,
    unlimited,
    waiting,
)
from tests.support.live import Live
from tests.support.servers import free_port


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
def caller(redis_url: str) -> Iterator[PluginClient]:
    """A client of a Redis without workers."""
    with PluginClient(redis_url) as client:
        yield client


def registration(domain: str, name: str) -> dict[str, Any]:
    return {"domain_id": domain, "name": name, "service_type": "x.Y", "image": f"acme/{name}"}


def test_reads_and_writes_of_the_service(client: PluginClient, domain: str, live: Live) -> None:
    names = [f"p{number}" for number in range(30)]
    registered = client.ask_many(
        {"id": f"{domain}-{name}", "operation": "register", "params": registration(domain, name)}
        for name in names
    )
    assert {outcome.id: outcome.result["revision"] for outcome in registered if outcome.result} == {
        f"{domain}-{name}": 1 for name in names
    }
    asked = [
        {"id": name, "operation": "plugin.get", "params": {"domain_id": domain, "plugin_id": name}}
        for name in [*names, "none"]
    ]
    found = {outcome.id: outcome for outcome in client.ask_many(asked)}
    assert [found[name].result["plugin_id"] for name in names if found[name].result] == names  # type: ignore[index]  # it is there
    assert isinstance(found["none"].error, errors.PluginNotFound)
    assert found["none"].error.details["plugin_id"] == "none"
    with live.redis() as redis:
        assert redis.keys(f"celery-task-meta-{domain}*") == []


def test_the_same_ids_again_have_one_effect(client: PluginClient, domain: str, live: Live) -> None:
    commands = [
        {"id": f"{domain}-{n}", "operation": "register", "params": registration(domain, f"p{n}")}
        for n in range(10)
    ]
    first = {outcome.id: outcome.result for outcome in client.ask_many(commands)}
    assert {outcome.id: outcome.result for outcome in client.ask_many(commands)} == first
    with live.redis() as redis:
        entries = [fields for _, fields in redis.xrange("plugin.events")]
    assert len([e for e in entries if e["subject"].startswith(f"{domain}/")]) == 10


@pytest.mark.parametrize("publishes", [True, False], ids=["published", "not-published"])
def test_answers_are_found_whether_anybody_was_told_or_not(
    caller: PluginClient, redis: Redis, redis_url: str, publishes: bool
) -> None:
    with Service(redis_url, plugin_of, publishes=publishes):
        outcomes = list(caller.ask_many([enable("a"), get("b"), enable("c")]))
    assert sorted(outcome.result["plugin_id"] for outcome in outcomes if outcome.result) == ["a", "b", "c"]
    assert redis.keys("celery-task-meta-*") == []


def test_outcomes_come_in_the_order_of_the_answers(
    caller: PluginClient, redis: Redis, redis_url: str
) -> None:
    ask_for_last = threading.Event()

    def handle(sent: Sent) -> Any:
        if sent.id == "first":
            (second,) = waiting(redis)
            service.answer(second.answer_id, {"n": 2})
            assert ask_for_last.wait(60)
            return {"n": 1}
        return UNANSWERED

    with Service(redis_url, handle) as service:
        outcomes = caller.ask_many([enable("a", id="first"), enable("a", id="second")])
        assert next(outcomes).id == "second"
        ask_for_last.set()
        assert next(outcomes).id == "first"
        assert list(outcomes) == []


def test_each_kind_of_answer_is_an_outcome(caller: PluginClient, redis_url: str) -> None:
    answers: dict[str, Any] = {
        "none": None,
        "list": [1],
        "refused": errors.RevisionConflict("at 3", details={"revision": 3}),
        "away": errors.StoreUnavailable("later"),
        "foreign": ZeroDivisionError("by zero"),
    }
    with Service(redis_url, lambda sent: answers[sent.id]):
        found = {outcome.id: outcome for outcome in caller.ask_many([enable("a", id=id) for id in answers])}
    assert (found["none"].result, found["none"].error) == (None, None)
    assert found["list"].result == [1]  # type: ignore[comparison-overlap]
    assert type(found["refused"].error) is errors.RevisionConflict
    assert found["refused"].error.args == answers["refused"].args
    assert type(found["away"].error) is errors.StoreUnavailable
    assert isinstance(found["foreign"].error, UnreadableAnswer)


def test_a_state_that_is_no_answer_is_not_one(
    caller: PluginClient, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contracts._client.sender.FLUSH_S", 0.0)

    def handle(sent: Sent) -> Any:
        redis.set(sent.key, stored(sent.answer_id, {"pid": 1}, "STARTED"))
        started.set()
        assert finish.wait(60)
        return {"plugin_id": "a"}

    started, finish = threading.Event(), threading.Event()

    def commands() -> Iterator[dict[str, Any]]:
        yield enable("a", id="one")
        assert started.wait(60)
        yield enable("a", id="é")
        finish.set()

    with Service(redis_url, handle):
        refused, answered = caller.ask_many(commands(), window=2)
    assert isinstance(refused.error, errors.InvalidParameter)
    assert (answered.id, answered.result) == ("one", {"plugin_id": "a"})


def test_what_no_worker_would_take_is_not_sent(caller: PluginClient, redis: Redis, redis_url: str) -> None:
    huge = {
        "operation": "update",
        "params": {"domain_id": "d", "plugin_id": "a", "tags": {"a": "x" * 400_000}},
    }
    with Service(redis_url, plugin_of) as service:
        found = {
            outcome.id: outcome
            for outcome in caller.ask_many(
                [enable("a", id="é"), huge | {"id": "huge"}, enable("b", id="good")]
            )
        }
    assert [sent.id for sent in service.seen] == ["good"]
    assert found["good"].error is None
    for command_id, details in ("é", {"path": "id"}), ("huge", {"path": "", "reason": "oversize"}):
        error = found[command_id].error
        assert isinstance(error, errors.InvalidParameter)
        assert error.details == details


def test_each_command_has_its_partition_and_headers(redis: Redis, redis_url: str) -> None:
    commands = [enable(f"p{number}") for number in range(20)]
    queues = {queue_of("plugin.enable", command["params"], 3) for command in commands}
    assert len(queues) == 3
    with (
        PluginClient(redis_url, partitions=3, token="secret") as client,
        Service(redis_url, plugin_of, queues) as service,
    ):
        assert len(list(client.ask_many(commands, expires_s=60, traceparent="trace"))) == 20
    for sent in service.seen:
        assert (sent.headers["authorization"], sent.headers["traceparent"]) == ("Bearer secret", "trace")
        assert sent.headers["expires"]
        assert sent.headers["ignore_result"] is False
        assert sent.message["properties"]["delivery_info"]["routing_key"] in queues


def test_a_sequence_is_checked_before_anything_is_sent(caller: PluginClient, redis: Redis) -> None:
    with pytest.raises(ValueError, match="two commands have the id x"):
        caller.ask_many([enable("a", id="x"), enable("b", id="x")])
    with pytest.raises(ValueError, match="unknown operation explode"):
        caller.ask_many([enable("a"), enable("a") | {"operation": "explode"}])
    with pytest.raises(ValueError, match="command 2 has no params"):
        caller.ask_many([enable("a"), {"operation": "enable"}])
    with pytest.raises(ValueError, match="window must be at least 1, not 0"):
        caller.ask_many([enable("a")], window=0)
    with pytest.raises(errors.InvalidParameter, match="must expire within"):
        caller.ask_many([enable("a")], expires_s=1e300)
    assert redis.llen(COMMANDS) == 0


def test_nothing_is_sent_before_the_first_outcome_is_asked_for() -> None:
    with PluginClient(f"redis://127.0.0.1:{free_port()}/0") as client:
        client.ask_many([enable("a")])


def test_an_id_that_waits_for_its_answer_is_not_sent_again(
    caller: PluginClient, redis: Redis, redis_url: str
) -> None:
    with Service(redis_url, lambda sent: UNANSWERED), pytest.raises(ValueError, match="two commands have"):
        next(caller.ask_many(iter([enable("a", id="x"), enable("b", id="x")])))


def test_an_id_can_be_used_again_once_its_outcome_was_taken(caller: PluginClient, redis_url: str) -> None:
    answers = iter([{"n": 1}, {"n": 2}])
    with Service(redis_url, lambda sent: next(answers)):
        again = caller.ask_many((enable("a", id="x") for _ in range(2)), window=1)
        assert [outcome.result for outcome in again] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("window", [1, 7, 1000])
def test_ten_thousand_commands_are_never_more_than_the_window(
    caller: PluginClient, redis: Redis, redis_url: str, window: int
) -> None:
    """What is read, sent and not yet an outcome: that is what takes memory, here and in Redis."""
    number = 10_000 if window == 1000 else 500
    read = taken = most = 0

    def commands() -> Iterator[dict[str, Any]]:
        nonlocal read, most
        for command in islice(unlimited(), number):
            read += 1
            most = max(most, read - taken)
            yield command

    with Service(redis_url, plugin_of, publishes=False) as service:
        for outcome in caller.ask_many(commands(), window=window):
            assert outcome.error is None
            taken += 1
    assert (read, taken) == (number, number)
    # Outcomes of which the caller has one in hand and the others come without another look at Redis.
    assert most <= window + 1
    assert [sent.id for sent in service.seen] == [f"id-{n}" for n in range(number)]
    assert redis.dbsize() == 0


def test_without_an_end(caller: PluginClient, redis: Redis, redis_url: str) -> None:
    with Service(redis_url, plugin_of):
        outcomes = caller.ask_many(unlimited(), window=10)
        assert [outcome.id for outcome in islice(outcomes, 100)]
    assert len(waiting(redis)) <= 10
