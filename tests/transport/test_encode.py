"""Messages that this service writes are like those of Celery itself."""

import json
from typing import Any

from tests.support.messages import celery_message
from worker.transport.encode import task_message
from worker.transport.protocol import Envelope, MessageLimits, parse_envelope

KWARGS = {"domain_id": "d-1", "tags": {"$x": [1, 4.0, None, "é"]}}


def read(raw: bytes) -> Envelope:
    result = parse_envelope(raw, MessageLimits())
    assert isinstance(result, Envelope) and result.refusal is None
    return result


def kinds(part: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in part.items()}


def test_a_message_has_the_parts_that_celery_sends() -> None:
    made = json.loads(task_message("plugin.update", "c-1", KWARGS, "plugin.commands"))
    sent = json.loads(celery_message("plugin.update", KWARGS, "c-1", ignore_result=True))
    assert kinds(made) == kinds(sent)
    assert (made["content-type"], made["content-encoding"]) == ("application/json", "utf-8")
    assert made["properties"] == {name: sent["properties"][name] for name in made["properties"]} | {
        "delivery_tag": made["properties"]["delivery_tag"]
    }
    assert made["headers"] == {name: sent["headers"][name] for name in made["headers"]} | {
        "ignore_result": True
    }


def test_a_message_says_what_that_of_celery_says() -> None:
    made = read(task_message("plugin.update", "c-1", KWARGS, "plugin.commands"))
    sent = read(celery_message("plugin.update", KWARGS, "c-1"))
    assert (made.id, made.task, made.args, made.kwargs) == (sent.id, sent.task, sent.args, sent.kwargs)
    assert made.embed == sent.embed


def test_no_two_messages_have_the_same_delivery_tag() -> None:
    tags = {
        json.loads(task_message("plugin.get", "c-1", {}, "plugin.queries"))["properties"]["delivery_tag"]
        for _ in range(2)
    }
    assert len(tags) == 2


def test_a_sender_may_add_headers() -> None:
    made = read(
        task_message("plugin.get", "c-1", {}, "plugin.queries", ignore_result=None, authorization="x")
    )
    assert (made.headers["ignore_result"], made.headers["authorization"]) == (None, "x")
