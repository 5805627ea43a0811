"""What the tests of the transport push to the queues of `tests.transport.app`."""

import json
from typing import Any
from uuid import uuid4

import redis

from tests.support.messages import celery_message, decode_body, message_parts

COMMANDS, QUERIES = "test.commands", "test.queries"


def parts(task: str, kwargs: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The message of a task, with `changes` to its top level."""
    return message_parts(task, kwargs or {}, str(uuid4()), COMMANDS) | changes


def parts_of_1(task: str, kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The message that Celery sends in protocol 1, and its body."""
    message: dict[str, Any] = json.loads(celery_message(task, kwargs, str(uuid4()), protocol=1))
    return message, decode_body(message)


def element(task: str, **kwargs: Any) -> bytes:
    """The list element that sends a task with these arguments."""
    return json.dumps(parts(task, kwargs)).encode()


def note(number: int) -> bytes:
    """The list element after which `number` is in the ledger."""
    return element("test.note", number=number)


def elements(client: redis.Redis, key: str) -> list[bytes]:
    """What is on a list, newest left."""
    return [entry for entry in client.lrange(key, 0, -1) if isinstance(entry, bytes)]
