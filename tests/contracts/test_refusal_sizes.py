"""What a sender wrote may stand in a refusal, and so in a log line: never more of it than a person reads."""

import json
from typing import Any

import pytest

from contracts import errors, lengths
from contracts.catalog import OPERATIONS
from contracts.parse import parse
from contracts.storable import path_of
from tests.support.live import Live
from tests.support.messages import message
from tests.support.servers import wait_until
from worker.tasks.answers import Answer

LONG = "k" * 370_000
MOST = 4_000
"""An answer with a path, a message and ten faults, in bytes."""


def test_a_refusal_is_cut_wherever_it_is_made() -> None:
    details = {"path": LONG, "expected": LONG, "faults": [{"path": LONG, "message": LONG}], "n": 1}
    error = errors.InvalidParameter(LONG, details=details)
    assert len(error.message) == lengths.MAX_TEXT_LENGTH
    assert error.details == {
        "path": "k" * 252 + "...",
        "expected": "k" * 997 + "...",
        "faults": [{"path": "k" * 252 + "...", "message": "k" * 997 + "..."}],
        "n": 1,
    }
    assert details["path"] == LONG, "what it was given is not changed"


def test_what_is_short_is_left_as_it_is() -> None:
    path = "k" * lengths.MAX_PATH_LENGTH
    error = errors.InvalidParameter("m" * lengths.MAX_TEXT_LENGTH, details={"path": path})
    assert (error.message, error.details) == ("m" * lengths.MAX_TEXT_LENGTH, {"path": path})
    assert len(path_of([LONG, 1, LONG])) == lengths.MAX_PATH_LENGTH


SHAPES: dict[str, Any] = {
    "a name": {LONG: 1},
    "two names": {f"{LONG[:150_000]}{n}": 1 for n in range(2)},
    "a key within": {"tags": {LONG: float("nan")}, "labels": [{LONG: 1}], "template": {LONG: {"schema": 7}}},
    "a text": {"domain_id": LONG, "name": LONG, "image": LONG, "plugin_id": LONG},
    "a query": {"query": {LONG: 1, "filter": [{"k": LONG, "v": LONG, "o": LONG}]}},
    "a secret": {"registry_config": {LONG: {"password": 1}}},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if o.task != "plugin.batch"], ids=lambda o: o.task
)
def test_an_answer_to_a_long_name_is_short(operation: Any, shape: str) -> None:
    base = {
        "domain_id": "d",
        "plugin_id": "p",
        "name": "n",
        "service_type": "x.Y",
        "image": "acme/p",
        "query": {},
    }
    with pytest.raises(errors.ContractError) as refused:
        parse(operation.command, base | SHAPES[shape])
    assert len(Answer.failure("c-1", refused.value).body) < MOST
    assert len(str(refused.value.details.get("path"))) <= lengths.MAX_PATH_LENGTH


@pytest.mark.parametrize("queue", ["plugin.commands", "plugin.queries"])
def test_a_long_name_costs_neither_a_long_log_line_nor_a_long_answer(
    live: Live, domain: str, queue: str
) -> None:
    task = "plugin.get" if queue == "plugin.queries" else "plugin.enable"
    params = {"domain_id": domain, "plugin_id": "p", LONG: 1}
    worker = live.queries if queue == "plugin.queries" else live.commands
    before = worker.log.stat().st_size
    with live.redis() as redis:
        redis.lpush(queue, message(task, params, f"long-{domain}", queue))
        key = f"celery-task-meta-long-{domain}"
        wait_until(lambda: redis.exists(key), 60, "the refusal")
        told = str(redis.get(key))
    assert json.loads(told)["traceback"] is None
    assert len(told) < MOST
    assert worker.log.stat().st_size - before < 4 * MOST
