"""Commands as any Celery client writes them to Redis, without a Celery client: message protocol 2."""

from __future__ import annotations

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


def message(task: str, kwargs: dict[str, Any], command_id: str, queue: str, **headers: Any) -> bytes:
    """The list element that sends one command."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = base64.b64encode(json.dumps([[], kwargs, embed]).encode()).decode()
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": command_id,
                "root_id": command_id,
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
                "correlation_id": command_id,
                "reply_to": str(uuid4()),
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
            },
        }
    ).encode()
