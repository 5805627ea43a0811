"""A client that speaks Celery's message protocol 1 is served as any other."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import celery
import pytest
from redis import Redis

from contracts import errors
from contracts.catalog import BY_TASK
from tests.support.live import Live
from tests.support.messages import message
from tests.support.old_clients import CLIENTS, gocelery
from tests.support.servers import wait_until

GOOD = {"domain_id": "d-old", "name": "Old", "service_type": "x.Y", "image": "acme/old"}
DEADLINE_S = 60
LATER = "2999-01-01T00:00:00"
LINK: list[dict[str, Any]] = [
    {"task": "plugin.get", "args": [], "kwargs": {}, "options": {}, "subtask_type": None}
]

_ids = itertools.count(1)


@pytest.fixture
def client(live: Live) -> Iterator[celery.Celery]:
    made = celery.Celery(broker=live.redis_url, backend=live.redis_url, set_as_current=False)
    made.conf.task_protocol = 1
    yield made
    made.backend.result_consumer.stop()
    made.backend.client.connection_pool.disconnect()
    made.close()


@pytest.fixture
def broker(live: Live) -> Iterator[Redis]:
    with live.redis() as made:
        yield made


def answer_to(broker: Redis, raw: bytes, task_id: str, queue: str) -> Any:
    """The answer to one message, as a client reads it that knows nothing but its key; it is not parked."""
    key = f"celery-task-meta-{task_id}"
    broker.delete(key)
    broker.lpush(queue, raw)
    wait_until(lambda: broker.exists(key), DEADLINE_S, f"the answer to {task_id}")
    answer = json.loads(str(broker.get(key)))
    assert answer["task_id"] == task_id
    name = queue.partition("\x06")[0]
    wait_until(lambda: not broker.exists(f"{name}:unacked"), DEADLINE_S, "its settlement")
    assert not [parked for parked in broker.lrange(f"{name}:poison", 0, -1) if raw.decode() in parked]
    return answer


def refusal_of(answer: Any) -> tuple[str, str]:
    assert answer["status"] == "FAILURE"
    _, code, details = answer["result"]["exc_message"]
    return code, details.get("path", "")


def test_its_commands_are_applied_once_in_order_and_answered(client: celery.Celery, live: Live) -> None:
    jira = {"domain_id": "d-old", "plugin_id": "old"}
    writes: list[tuple[str, str, dict[str, Any]]] = [
        ("o-1", "plugin.register", GOOD),
        ("o-2", "plugin.update", {**jira, "tags": {"a": "b"}}),
        ("o-2", "plugin.update", {**jira, "tags": {"a": "b"}}),
        ("o-3", "plugin.disable", jira),
    ]
    sent = [
        client.send_task(task, kwargs=kwargs, queue="plugin.commands", task_id=command_id)
        for command_id, task, kwargs in writes
    ]
    assert [answer.get(timeout=60)["revision"] for answer in sent] == [1, 2, 2, 3]
    found = client.send_task("plugin.get", kwargs=jira, queue="plugin.queries").get(timeout=60)
    assert (found["revision"], found["state"], found["tags"]) == (3, "DISABLED", {"a": "b"})


@pytest.mark.parametrize("name", CLIENTS)
def test_every_operation_is_answered_to_every_client(broker: Redis, domain: str, name: str) -> None:
    plugin = {"domain_id": domain, "plugin_id": "old"}
    item = {"id": f"{domain}-item", "operation": "plugin.enable", "params": plugin}
    asked: dict[str, dict[str, Any]] = {
        "plugin.register": GOOD | {"domain_id": domain},
        "plugin.update": plugin | {"tags": {"é": "ß"}},
        "plugin.disable": plugin,
        "plugin.enable": plugin,
        "plugin.batch": {"commands": [item]},
        "plugin.get": plugin,
        "plugin.list": {"domain_id": domain},
        "plugin.stat": {"domain_id": domain, "query": {"distinct": "plugin_id"}},
        "plugin.get_versions": {"domain_id": domain, "plugin_id": "another"},
        "plugin.deregister": plugin,
    }
    assert set(asked) == set(BY_TASK)
    told = {}
    for task, kwargs in asked.items():
        sent = f"{domain}.{task}"
        told[task] = answer_to(
            broker, CLIENTS[name](task, kwargs, sent, expires=LATER), sent, BY_TASK[task].queue
        )
    assert refusal_of(told.pop("plugin.get_versions")) == ("NOT_FOUND", "")
    assert {answer["status"] for answer in told.values()} == {"SUCCESS"}
    revisions = [
        told[f"plugin.{verb}"]["result"]["revision"] for verb in ("register", "update", "enable", "get")
    ]
    assert revisions == [1, 2, 4, 4]
    assert told["plugin.batch"]["result"][0]["result"]["revision"] == 4
    assert told["plugin.list"]["result"]["results"][0]["tags"] == {"é": "ß"}
    assert told["plugin.stat"]["result"]["results"] == ["old"]


def test_a_command_is_the_same_in_either_protocol(broker: Redis, domain: str) -> None:
    """Sent again in the other one it has no second effect, and another command with its id is refused."""
    first, kwargs = f"{domain}-1", GOOD | {"domain_id": domain}
    old = gocelery("plugin.register", kwargs, first)
    new = message("plugin.register", dict(reversed(kwargs.items())), first, "plugin.commands")
    answers = [answer_to(broker, raw, first, "plugin.commands") for raw in (old, new, old)]
    assert [answer["result"]["revision"] for answer in answers] == [1, 1, 1]
    changed = gocelery("plugin.register", kwargs | {"name": "Another"}, first)
    assert refusal_of(answer_to(broker, changed, first, "plugin.commands")) == ("DECIDED_BEFORE", "id")


@pytest.mark.parametrize("queue", ["plugin.commands\x06\x163", "plugin.commands\x06\x169"])
def test_the_lists_of_other_priorities_are_read(broker: Redis, domain: str, queue: str) -> None:
    raw = gocelery("plugin.register", GOOD | {"domain_id": domain}, f"{domain}-1")
    assert answer_to(broker, raw, f"{domain}-1", queue)["result"]["revision"] == 1


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"countdown": 60}, errors.InvalidParameter),
        ({"args": [1]}, errors.InvalidParameter),
        ({"expires": datetime.now(UTC) - timedelta(hours=1)}, errors.DeadlineExceeded),
        ({"task": "plugin.regster"}, errors.InvalidParameter),
    ],
    ids=["countdown", "args", "expired", "unknown task"],
)
def test_it_is_refused_what_every_client_is_refused(
    client: celery.Celery, options: dict[str, Any], refusal: type[Exception]
) -> None:
    task = options.get("task", "plugin.register")
    given = {name: value for name, value in options.items() if name != "task"}
    with pytest.raises(refusal):
        client.send_task(task, kwargs=GOOD, queue="plugin.commands", **given).get(timeout=60)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"args": [1]}, ("INVALID_PARAMETER", "args")),
        ({"args": {"a": 1}}, ("INVALID_PARAMETER", "body")),
        ({"kwargs": [1]}, ("INVALID_PARAMETER", "body")),
        ({"kwargs": None}, ("REQUIRED_PARAMETER", "domain_id")),
        ({"eta": "2001-01-01T00:00:00Z"}, ("INVALID_PARAMETER", "eta")),
        ({"taskset": "g"}, ("INVALID_PARAMETER", "group")),
        ({"callbacks": LINK}, ("INVALID_PARAMETER", "callbacks")),
        ({"errbacks": LINK}, ("INVALID_PARAMETER", "errbacks")),
        ({"chord": LINK[0]}, ("INVALID_PARAMETER", "chord")),
        ({"expires": "2001-01-01T00:00:00.000000001Z"}, ("DEADLINE_EXCEEDED", "")),
        ({"expires": "2001-01-01T00:00:00+09:00"}, ("DEADLINE_EXCEEDED", "")),
        ({"expires": "2001-01-01T00:00:00"}, ("DEADLINE_EXCEEDED", "")),
        ({"expires": LATER, "utc": False}, ("INVALID_PARAMETER", "expires")),
        ({"expires": 60}, ("INVALID_PARAMETER", "expires")),
        ({"expires": [LATER]}, ("INVALID_PARAMETER", "expires")),
    ],
)
@pytest.mark.parametrize(("task", "queue"), [("plugin.enable", "commands"), ("plugin.get", "queries")])
def test_what_its_body_may_not_say_is_refused_by_its_name(
    broker: Redis, fields: dict[str, Any], refused: tuple[str, str], task: str, queue: str
) -> None:
    sent, kwargs = f"body-{next(_ids)}", {"domain_id": "d-old", "plugin_id": "none"}
    raw = gocelery(task, kwargs, sent, **fields)
    assert refusal_of(answer_to(broker, raw, sent, f"plugin.{queue}")) == refused


def test_one_that_is_too_large_for_any_task_is_parked_and_answered(client: celery.Celery) -> None:
    sent = client.send_task("plugin.batch", kwargs={"commands": "x" * 4 * 2**20}, queue="plugin.commands")
    with pytest.raises(errors.InvalidParameter, match="bytes, at most") as refusal:
        sent.get(timeout=60)
    assert refusal.value.details == {"path": "", "reason": "oversize"}
