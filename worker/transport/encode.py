"""Writes messages of message protocol 2, as Celery's clients put them on a queue."""

import binascii
import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from worker.transport.element import Element, read_element

NO_CANVAS: Final = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def task_message(task: str, command_id: str, kwargs: Mapping[str, Any], queue: str, **headers: Any) -> bytes:
    """Return a new message for ``queue`` whose sender waits for no answer.

    ``headers``: more headers, or others in place of these.
    """
    message = {
        "body": encode_body([[], kwargs, NO_CANVAS]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": command_id,
            "root_id": command_id,
            "parent_id": None,
            "group": None,
            "ignore_result": True,
            **headers,
        },
        "properties": {
            "correlation_id": command_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }
    return json.dumps(message).encode()


def with_headers(raw: bytes, headers: Mapping[str, Any]) -> bytes:
    """Return the message with these headers in place of its own.

    Raises: ``BrokenElement``.
    """
    element = read_element(raw, strict=False)
    # A body of protocol 1 holds headers too.
    body = {} if element.body_of_1 is None else _body(element, element.body_of_1)
    return json.dumps({**element.message, **body, "headers": headers}).encode()


def with_arguments(raw: bytes, command_id: str, kwargs: Mapping[str, Any]) -> bytes:
    """Return the message under another id, and with nothing but these keyword arguments in its body.

    Raises: ``BrokenElement``.
    """
    element = read_element(raw, strict=False)
    headers = {**element.headers, "id": command_id, "root_id": command_id}
    own = {"correlation_id": command_id, "delivery_tag": str(uuid4())}
    body = _body(element, [[], kwargs, NO_CANVAS], **own)
    return json.dumps({**element.message, **body, "headers": headers}).encode()


def with_body(element: Element, body: list[Any]) -> bytes:
    """Return a message with these parts of a body in place of its own."""
    return json.dumps({**element.message, **_body(element, body), "headers": element.headers}).encode()


def encode_body(body: Any) -> str:
    """Return ``[args, kwargs, embed]`` as it stands in a message."""
    return binascii.b2a_base64(json.dumps(body).encode(), newline=False).decode()


def _body(element: Element, body: list[Any], **properties: str) -> dict[str, Any]:
    encoding = {"body_encoding": "base64"}
    return {"body": encode_body(body), "properties": {**element.properties, **properties, **encoding}}
