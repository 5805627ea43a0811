"""Messages as clients push them to Redis. Tests write them here alone: by the product's encoder, or by Celery itself."""

import base64
import json
from typing import Any
from uuid import uuid4
from zlib import crc32

from celery import Celery
from kombu.utils.json import dumps

from tests.support.model import plugin_id
from worker.transport import encode

TOLD_BY_CELERY: dict[str, Any] = {
    "retries": 0,
    "eta": None,
    "expires": None,
    "timelimit": [None, None],
    "argsrepr": "()",
    "kwargsrepr": "{}",
    "origin": "tests",
    "ignore_result": False,
}
"""Headers of a client of Celery that the product's own messages do without."""

_clients = {
    protocol: Celery(
        broker="memory://",
        set_as_current=False,
        changes={"task_protocol": protocol, "task_default_queue": "unused"},
    )
    for protocol in (1, 2)
}


def queue_of(operation: str, params: dict[str, Any], partitions: int) -> str:
    """The queue of a command, by the published rule."""
    if partitions == 1:
        return "plugin.commands"
    subject = f"{params['domain_id']}/{plugin_id(operation, params)}"
    return f"plugin.commands.{crc32(subject.encode()) % partitions}"


def encode_body(body: Any) -> str:
    """A body in base64: bytes as they are, anything else as JSON."""
    return base64.b64encode(body).decode() if isinstance(body, bytes) else encode.encode_body(body)


def decode_body(message: dict[str, Any]) -> Any:
    """The body of a message, which may be changed and encoded again."""
    return json.loads(base64.b64decode(message["body"]))


def message_parts(
    task: Any, kwargs: dict[str, Any], task_id: str, queue: str, **headers: Any
) -> dict[str, Any]:
    """The message of one task before it becomes JSON, for tests that change a part of it."""
    made: dict[str, Any] = json.loads(
        encode.task_message(task, task_id, kwargs, queue, **TOLD_BY_CELERY | headers)
    )
    made["properties"]["reply_to"] = str(uuid4())
    return made


def message(task: Any, kwargs: dict[str, Any], task_id: str, queue: str, **headers: Any) -> bytes:
    """The list element that sends one task."""
    return json.dumps(message_parts(task, kwargs, task_id, queue, **headers)).encode()


def celery_message(
    task: str, kwargs: dict[str, Any], task_id: str, *, protocol: int = 2, **options: Any
) -> bytes:
    """The list element that the installed Celery itself sends for one task, in either message protocol."""
    client, queue = _clients[protocol], "plugin.commands"
    with client.connection_for_write() as connection:
        client.send_task(task, kwargs=kwargs, task_id=task_id, queue=queue, connection=connection, **options)
        # Redis gets from kombu what its transport for tests keeps as it is.
        sent: bytes = dumps(connection.default_channel._get(queue)).encode()
        return sent
