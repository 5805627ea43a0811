"""Messages of protocol 1 as the clients that still speak it put them on a Redis list.

Each client has its own order of parts, its own odd values, and parts that it leaves out.
"""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

Params = dict[str, Any]


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _base64(value: Any) -> str:
    return base64.b64encode(_text(value).encode()).decode()


def gocelery(task: str, kwargs: Params, task_id: str, /, **fields: Any) -> bytes:
    """Go: no headers at all, and a correlation id that is not the task's."""
    body = {"id": task_id, "task": task, "args": [], "kwargs": kwargs, "retries": 0, "eta": None}
    properties = {
        "body_encoding": "base64",
        "correlation_id": str(uuid4()),
        "reply_to": str(uuid4()),
        "delivery_info": {"priority": 0, "routing_key": "celery", "exchange": "celery"},
        "delivery_mode": 2,
        "delivery_tag": str(uuid4()),
    }
    return _text(
        {
            "body": _base64({**body, "expires": None, **fields}),
            "content-type": "application/json",
            "properties": properties,
            "content-encoding": "utf-8",
        }
    ).encode()


def node_celery(task: str, kwargs: Params, task_id: str, /, **fields: Any) -> bytes:
    """JavaScript: only the fields that are given."""
    properties = {
        "body_encoding": "base64",
        "correlation_id": task_id,
        "delivery_info": {"exchange": "plugin.commands", "priority": 0, "routing_key": "plugin.commands"},
        "delivery_mode": 2,
        "delivery_tag": str(uuid4()),
        "reply_to": str(uuid4()),
    }
    return _text(
        {
            "body": _base64({"task": task, "args": [], "kwargs": kwargs, "id": task_id, **fields}),
            "headers": {},
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "properties": properties,
        }
    ).encode()


def celery_php(task: str, kwargs: Params, task_id: str, /, **fields: Any) -> bytes:
    """PHP: an empty list for headers, and a body that it calls binary."""
    properties = {
        "body_encoding": "base64",
        "reply_to": task_id,
        "delivery_info": {"priority": 0, "routing_key": "celery", "exchange": "celery"},
        "delivery_mode": 2,
        "delivery_tag": task_id,
    }
    return _text(
        {
            "body": _base64({"id": task_id, "task": task, "args": [], "kwargs": kwargs, **fields}),
            "headers": [],
            "content-type": "application/json",
            "content-encoding": "binary",
            "properties": properties,
        }
    ).encode()


def celery_3(task: str, kwargs: Params, task_id: str, /, **fields: Any) -> bytes:
    """Celery 3.1: every field, and groups by their old name."""
    unset = ("eta", "expires", "callbacks", "errbacks", "taskset", "chord")
    body = {
        "task": task,
        "id": task_id,
        "args": [],
        "kwargs": kwargs,
        "retries": 0,
        "utc": True,
        **dict.fromkeys(unset),
        "timelimit": [None, None],
        **fields,
    }
    properties = {
        "body_encoding": "base64",
        "correlation_id": task_id,
        "reply_to": str(uuid4()),
        "delivery_info": {"priority": 0, "routing_key": "celery", "exchange": "celery"},
        "delivery_mode": 2,
        "delivery_tag": str(uuid4()),
    }
    parts = {"content-type": "application/json", "content-encoding": "utf-8", "headers": {}}
    return _text({"body": _base64(body), **parts, "properties": properties}).encode()


def plain(task: str, kwargs: Params, task_id: str, /, **fields: Any) -> bytes:
    """One that writes the body as it is, names no encoding, and says null for what it does not use."""
    body = {"task": task, "id": task_id, "args": None, "kwargs": kwargs, **fields}
    parts = {"headers": None, "content-type": "application/json", "content-encoding": None}
    return _text({"body": _text(body), **parts, "properties": {"delivery_tag": "1"}}).encode()


def in_lines(task: str, kwargs: Params, task_id: str, /, **fields: Any) -> bytes:
    """One whose base64 is broken into lines, as in mail."""
    message = json.loads(node_celery(task, kwargs, task_id, **fields))
    message["body"] = base64.encodebytes(base64.b64decode(message["body"])).decode().replace("\n", "\r\n")
    return _text(message).encode()


CLIENTS: dict[str, Callable[..., bytes]] = {
    "gocelery": gocelery,
    "node-celery": node_celery,
    "celery-php": celery_php,
    "Celery 3.1": celery_3,
    "plain text": plain,
    "base64 in lines": in_lines,
}
"""By the name of the client: makes its message of task, keyword arguments, id, and other fields of the body."""
