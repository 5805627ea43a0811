"""What stands under the key of an answer, or is published there, whoever wrote it: nothing but an answer is taken."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery.backends.base import compress_payload
from redis import Redis

from contracts import errors
from contracts._client.decode import MAX_MESSAGE_BYTES, MAX_MESSAGE_DEPTH, read_answer
from contracts.client import PluginClient, UnreadableAnswer
from tests.contracts.service import COMMANDS, Sent, enable, waiting
from tests.support.servers import wait_until

ID = "c-1:own"


def told(**fields: Any) -> bytes:
    made = {"task_id": ID, "status": "SUCCESS", "result": 1, "traceback": None, "children": []}
    return json.dumps(made | fields).encode()


def failed(name: Any, *parts: Any, module: Any = "contracts.errors", **fields: Any) -> bytes:
    result = {"exc_type": name, "exc_message": list(parts), "exc_module": module}
    return told(status="FAILURE", result=result | fields)


def deep(levels: int) -> bytes:
    return told().replace(b": 1,", b": " + b"[" * levels + b"]" * levels + b",")


POISON: dict[str, bytes] = {
    "no JSON": b"}{",
    "nothing": b"",
    "zlib": b"\x78\x9c" + b"\x00" * 100,
    "a compressed answer": compress_payload(told(result="x" * 1000), "gzip"),
    "a pickle": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
    "a list": b"[1]",
    "a text": b'"SUCCESS"',
    "too large": told(result="x" * MAX_MESSAGE_BYTES),
    "too deep": deep(MAX_MESSAGE_DEPTH),
    "far too deep": deep(500_000),
    "no status": b"{}",
    "an odd status": told(status=["SUCCESS"]),
    "no id": told(task_id=None),
    "revoked": told(status="REVOKED", result={"exc_type": "X", "exc_message": [], "exc_module": "celery"}),
    "an exit": failed("SystemExit", 1, module="builtins"),
    "an interrupt": failed("KeyboardInterrupt", module="builtins"),
    "a function": failed("system", "touch /tmp/owned", module="os"),
    "a class of another module": failed("AskTimeout", "x", 1, module="contracts.client"),
    "what the module imports": failed("Any", "x"),
    "a path into the module": failed("PluginNotFound.__init__", "x", "y", {}),
    "a base without a kind": failed("ContractError", "x", "y", {}),
    "no module": failed("PluginNotFound", "x", "y", {}, module=None),
    "an odd name": failed(["PluginNotFound"], "x"),
    "no message": failed("PluginNotFound"),
    "an odd message": failed("PluginNotFound", {"a": 1}, "y", {}),
    "odd details": failed("PluginNotFound", "x", "y", ["z"]),
    "an odd error": told(status="FAILURE", result="PluginNotFound"),
    "an odd list of parts": told(
        status="FAILURE",
        result={"exc_type": "PluginNotFound", "exc_module": "contracts.errors", "exc_message": {"a": 1}},
    ),
}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
def caller(redis_url: str) -> Iterator[PluginClient]:
    """A client of a Redis without workers."""
    with PluginClient(redis_url) as client:
        yield client


@pytest.mark.parametrize("name", POISON)
def test_what_is_no_answer_is_not_taken_for_one(name: str) -> None:
    with pytest.raises(UnreadableAnswer) as refused:
        read_answer(POISON[name])
    assert isinstance(refused.value, errors.InternalFault)
    assert len(refused.value.message) < 100, "it repeats nothing of what was stored"


@pytest.mark.parametrize("payload", [deep(MAX_MESSAGE_DEPTH - 1), told(result={"a": ["[{" * 100]})])
def test_what_an_answer_may_hold_is_read(payload: bytes) -> None:
    assert read_answer(payload)["status"] == "SUCCESS"
    assert read_answer(payload.decode())["status"] == "SUCCESS"


def test_every_error_of_the_contract_is_read_as_its_class() -> None:
    kinds: list[Any] = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "kind")
    ]
    assert len(kinds) > 20
    for kind in kinds:
        read = read_answer(failed(kind.__name__, "m", "C", {"a": 1}))["result"]
        assert type(read) is kind
        assert (read.message, read.code, read.details["a"]) == ("m", "C", 1)


def test_a_few_bytes_do_not_become_many() -> None:
    payload = compress_payload(told(result="x" * 50_000_000), "gzip")
    assert len(payload) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableAnswer):
            read_answer(payload)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


Put = Callable[[Redis, Sent, bytes], Any]


def _store(redis: Redis, sent: Sent, payload: bytes) -> None:
    redis.set(sent.key, payload)
    redis.publish(sent.key, payload)


def _answered(caller: PluginClient, redis: Redis, how: str, put: Callable[[Sent], Any]) -> Any:
    """Asks in one of the ways, and has the answer put while it is waited for; returns the result or the error."""

    def ask() -> Any:
        if how == "ask":
            return caller.ask("enable", command_id="c-1", timeout_s=60, **enable("jira")["params"])
        (outcome,) = caller.ask_many([enable("jira", id="c-1")])
        if outcome.error:
            raise outcome.error
        return outcome.result

    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(ask)
        wait_until(lambda: redis.llen(COMMANDS), 60, "the command")
        (sent,) = waiting(redis)
        if how == "ask":
            wait_until(lambda: redis.pubsub_numsub(sent.key)[0][1], 60, "the caller")
        put(sent)
        return asked.exception(60) or asked.result()


@pytest.mark.parametrize("how", ["ask", "ask_many"])
@pytest.mark.parametrize("name", POISON)
def test_who_asked_is_told_that_the_answer_cannot_be_read(
    caller: PluginClient, redis: Redis, how: str, name: str
) -> None:
    def put(sent: Sent) -> None:
        payload = POISON[name].replace(ID.encode(), sent.answer_id.encode())
        _store(redis, sent, payload)

    assert type(_answered(caller, redis, how, put)) is UnreadableAnswer


@pytest.mark.parametrize("how", ["ask", "ask_many"])
def test_an_answer_to_another_id_is_not_mine(caller: PluginClient, redis: Redis, how: str) -> None:
    found = _answered(caller, redis, how, lambda sent: _store(redis, sent, told(task_id="c-2:own")))
    assert type(found) is UnreadableAnswer


@pytest.mark.parametrize("how", ["ask", "ask_many"])
def test_a_list_in_the_place_of_my_answer_is_overwritten_by_it(
    caller: PluginClient, redis: Redis, how: str
) -> None:
    def put(sent: Sent) -> None:
        redis.rpush(sent.key, "x")
        _store(redis, sent, told(task_id=sent.answer_id, result="mine"))

    assert _answered(caller, redis, how, put) == "mine"


def test_a_list_that_is_there_first_hides_no_answer(
    caller: PluginClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contracts.client.new_answer_id", lambda command_id: f"{command_id}:own")
    redis.rpush(f"celery-task-meta-{ID}", "x")
    found = _answered(caller, redis, "ask", lambda sent: _store(redis, sent, told(result="mine")))
    assert found == "mine"


def test_what_is_published_to_one_who_waits_harms_no_other(caller: PluginClient, redis: Redis) -> None:
    def ask(command_id: str) -> Any:
        return caller.ask("enable", command_id=command_id, timeout_s=60, **enable("jira")["params"])

    with ThreadPoolExecutor(2) as threads:
        asked = {command_id: threads.submit(ask, command_id) for command_id in ("a", "b")}
        wait_until(lambda: redis.llen(COMMANDS) == 2, 60, "both commands")
        sent = {one.id: one for one in waiting(redis)}
        for one in sent.values():
            wait_until(lambda key=one.key: redis.pubsub_numsub(key)[0][1], 60, "the caller")  # type: ignore[misc]  # mypy does not type defaults of a lambda
        redis.publish(sent["a"].key, b"}{")
        assert type(asked["a"].exception(60)) is UnreadableAnswer
        _store(redis, sent["b"], told(task_id=sent["b"].answer_id, result="mine"))
        assert asked["b"].result(60) == "mine"
