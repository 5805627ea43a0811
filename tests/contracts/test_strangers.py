"""A stranger sends messages under my command id, before or after mine: I get my own answer, or a clear refusal.

The ids are no secret: each event names the command that made it.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import celery
import pytest

from contracts import errors
from contracts.client import PluginClient
from tests.support.live import Live
from tests.support.messages import celery_message, message
from tests.support.servers import wait_until

COMMANDS, QUERIES = "plugin.commands", "plugin.queries"

Ask = Callable[..., Any]
"""``(operation, command_id, **params) -> result``; raises the refusal."""


def registration(domain: str, name: str = "jira") -> dict[str, Any]:
    return {"domain_id": domain, "name": domain, "service_type": "x.Y", "image": f"acme/{name}"}


@pytest.fixture
def evil(client: PluginClient, domain: str) -> dict[str, Any]:
    """The stranger's plugin, which has the same name."""
    client.ask("register", **registration(f"evil-{domain}"))
    return {"domain_id": f"evil-{domain}", "plugin_id": "jira"}


@pytest.fixture
def mine(client: PluginClient, domain: str) -> dict[str, Any]:
    client.ask("register", **registration(domain))
    return {"domain_id": domain, "plugin_id": "jira"}


@pytest.fixture
def bare(live: Live) -> Iterator[celery.Celery]:
    app = celery.Celery(broker=live.redis_url, backend=live.redis_url, set_as_current=False)
    yield app
    app.backend.result_consumer.stop()
    app.backend.client.connection_pool.disconnect()
    app.close()


@pytest.fixture(params=["bare", "ask", "ask_many", "batch"])
def ask(request: pytest.FixtureRequest, client: PluginClient, bare: celery.Celery) -> Ask:
    def by_bare(operation: str, command_id: str, **params: Any) -> Any:
        answer_id = f"{command_id}:{uuid4().hex}"
        queue = QUERIES if operation == "get" else COMMANDS
        headers = {"answer_id": answer_id}
        bare.send_task(f"plugin.{operation}", kwargs=params, queue=queue, task_id=command_id, headers=headers)
        return bare.AsyncResult(answer_id).get(timeout=60)

    def by_ask(operation: str, command_id: str, **params: Any) -> Any:
        return client.ask(operation, command_id=command_id, timeout_s=60, **params)

    def by_many(operation: str, command_id: str, **params: Any) -> Any:
        batch = request.param == "batch" and operation != "get"
        (outcome,) = (client.batch if batch else client.ask_many)(
            [{"id": command_id, "operation": operation, "params": params}]
        )
        if outcome.error:
            raise outcome.error
        return outcome.result

    return {"bare": by_bare, "ask": by_ask}.get(request.param, by_many)


class Stranger:
    """Who sends messages under the id of others, and waits until they are done."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def push(self, operation: str, command_id: str, **params: Any) -> None:
        queue = QUERIES if operation == "get" else COMMANDS
        with self._live.redis() as redis:
            redis.lpush(queue, message(f"plugin.{operation}", params, command_id, queue))

    def send(self, operation: str, command_id: str, **params: Any) -> Any:
        self.push(operation, command_id, **params)
        with self._live.redis() as redis:
            key = f"celery-task-meta-{command_id}"
            wait_until(lambda: redis.exists(key), 60, "the stranger's answer")
            return json.loads(str(redis.get(key)))


@pytest.fixture
def stranger(live: Live) -> Stranger:
    return Stranger(live)


@pytest.mark.parametrize("operation", ["get", "disable"])
def test_one_before_mine_is_not_my_answer(
    ask: Ask, stranger: Stranger, evil: dict[str, Any], mine: dict[str, Any], operation: str
) -> None:
    before = stranger.send(operation, f"id-{mine['domain_id']}", **evil)
    assert before["result"]["domain_id"] == evil["domain_id"]
    assert ask(operation, f"id-{mine['domain_id']}", **mine)["domain_id"] == mine["domain_id"]


@pytest.mark.parametrize("operation", ["get", "disable"])
def test_several_around_mine_do_not_hide_my_answer(
    ask: Ask, live: Live, stranger: Stranger, evil: dict[str, Any], mine: dict[str, Any], operation: str
) -> None:
    command_id = f"id-{mine['domain_id']}"
    worker, queue = (live.queries, QUERIES) if operation == "get" else (live.commands, COMMANDS)
    worker.pause()
    try:
        with ThreadPoolExecutor(1) as thread, live.redis() as redis:
            stranger.push(operation, command_id, **evil)
            asked = thread.submit(ask, operation, command_id, **mine)
            # What is on the queue by now came before or behind mine, or what another thread of the worker has.
            wait_until(lambda: redis.llen(queue) >= 2 or operation == "get", 60, "my message")
            stranger.push(operation, command_id, **evil)
            worker.resume()
            assert asked.result(60)["domain_id"] == mine["domain_id"]
    finally:
        worker.resume()


def test_one_behind_mine_does_not_take_the_place_of_an_answer_that_i_have_not_read(
    bare: celery.Celery, live: Live, stranger: Stranger, evil: dict[str, Any], mine: dict[str, Any]
) -> None:
    command_id = f"id-{mine['domain_id']}"
    answer_id = f"{command_id}:{uuid4().hex}"
    options: dict[str, Any] = {"task_id": command_id, "headers": {"answer_id": answer_id}}
    bare.send_task("plugin.disable", kwargs=mine, queue=COMMANDS, **options)
    with live.redis() as redis:
        wait_until(lambda: redis.exists(f"celery-task-meta-{answer_id}"), 60, "my answer")
    stranger.send("disable", command_id, **evil)
    assert bare.AsyncResult(answer_id).get(timeout=60)["domain_id"] == mine["domain_id"]


def test_another_command_under_my_id_is_told_and_has_no_effect(
    ask: Ask, client: PluginClient, stranger: Stranger, mine: dict[str, Any]
) -> None:
    command_id = f"id-{mine['domain_id']}"
    stranger.send("disable", command_id, **mine)
    with pytest.raises(errors.DecidedBefore) as told:
        ask("deregister", command_id, **mine)
    assert told.value.details == {"path": "id"}
    assert "disable" not in str(told.value)
    assert client.ask("get", **mine)["revision"] == 2


def test_what_a_stranger_sends_behind_my_command_has_no_effect(
    ask: Ask, client: PluginClient, stranger: Stranger, mine: dict[str, Any]
) -> None:
    command_id = f"id-{mine['domain_id']}"
    assert ask("disable", command_id, **mine)["state"] == "DISABLED"
    told = stranger.send("deregister", command_id, **mine)
    assert told["result"]["exc_type"] == "DecidedBefore"
    assert ask("disable", command_id, **mine)["state"] == "DISABLED"
    assert client.ask("get", **mine)["revision"] == 2


@pytest.mark.parametrize("queue", [COMMANDS, QUERIES])
@pytest.mark.parametrize(
    "wrong", ["somebody-else:x", "{id}", "{id}:", "{id}:é", "{id}:a b", "{id}:" + "x" * 65, 7, [], {"a": 1}]
)
def test_an_answer_goes_nowhere_but_under_its_own_id(
    live: Live, domain: str, queue: str, wrong: object
) -> None:
    command_id = str(uuid4())
    wanted = wrong.replace("{id}", command_id) if isinstance(wrong, str) else wrong
    task = "plugin.get" if queue == QUERIES else "plugin.enable"
    params = {"domain_id": domain, "plugin_id": "jira"}
    with live.redis() as redis:
        redis.lpush(queue, message(task, params, command_id, queue, answer_id=wanted))
        key = f"celery-task-meta-{command_id}"
        wait_until(lambda: redis.exists(key), 60, "the answer under the plain id")
        told = json.loads(str(redis.get(key)))
        assert redis.keys(f"{key}?*") == redis.keys("celery-task-meta-somebody-else*") == []
    assert told["task_id"] == command_id
    assert told["result"]["exc_message"][1:] == ["INVALID_PARAMETER", {"path": "answer_id"}]


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_message_of_either_protocol_is_answered_where_it_wants(
    live: Live, mine: dict[str, Any], protocol: int
) -> None:
    command_id = str(uuid4())
    answer_id = f"{command_id}:own_1-A"
    sent = celery_message(
        "plugin.enable", mine, command_id, protocol=protocol, headers={"answer_id": answer_id}
    )
    with live.redis() as redis:
        redis.lpush(COMMANDS, sent)
        wait_until(lambda: redis.exists(f"celery-task-meta-{answer_id}"), 60, "the answer")
        told = json.loads(str(redis.get(f"celery-task-meta-{answer_id}")))
        assert not redis.exists(f"celery-task-meta-{command_id}")
    assert (told["task_id"], told["status"], told["traceback"]) == (answer_id, "SUCCESS", None)


@pytest.mark.parametrize("task", ["plugin.get", "plugin.enable", "plugin.nothing"])
def test_every_refusal_is_answered_where_it_is_asked_for_and_without_a_traceback(
    live: Live, domain: str, task: str
) -> None:
    command_id = str(uuid4())
    answer_id = f"{command_id}:own"
    queue = QUERIES if task == "plugin.get" else COMMANDS
    params = {"domain_id": domain, "plugin_id": "none"}
    with live.redis() as redis:
        redis.lpush(queue, message(task, params, command_id, queue, answer_id=answer_id))
        wait_until(lambda: redis.exists(f"celery-task-meta-{answer_id}"), 60, "the refusal")
        told = json.loads(str(redis.get(f"celery-task-meta-{answer_id}")))
    assert (told["status"], told["traceback"]) == ("FAILURE", None)
