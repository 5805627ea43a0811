"""Messages as a stock publisher of Celery pushes them to Redis: message protocol 2. Tests write them here alone."""

import base64
import json
from typing import Any
from uuid import uuid4
from zlib import crc32

from tests.support.model import plugin_id


def queue_of(operation: str, params: dict[str, Any], partitions: int) -> str:
    """The queue of a command, by the published rule."""
    if partitions == 1:
        return "plugin.commands"
    subject = f"{params['domain_id']}/{plugin_id(operation, params)}"
    return f"plugin.commands.{crc32(subject.encode()) % partitions}"


def encode_body(body: Any) -> str:
    """A body in base64: bytes as they are, anything else as JSON."""
    return base64.b64encode(body if isinstance(body, bytes) else json.dumps(body).encode()).decode()


def message_parts(
    task: Any, kwargs: dict[str, Any], task_id: str, queue: str, **headers: Any
) -> dict[str, Any]:
    """The message of one task before it becomes JSON, for tests that change a part of it."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return {
        "body": encode_body([[], kwargs, embed]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "retries": 0,
            "eta": None,
            "expires": None,
            "group": None,
            "timelimit": [None, None],
            "argsrepr": "()",
            "kwargsrepr": "{}",
            "origin": "tests",
            "ignore_result": False,
            **headers,
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": str(uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }


def message(task: Any, kwargs: dict[str, Any], task_id: str, queue: str, **headers: Any) -> bytes:
    """The list element that sends one task."""
    return json.dumps(message_parts(task, kwargs, task_id, queue, **headers)).encode()
