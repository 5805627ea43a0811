"""Makes task messages of Celery (message protocol 2) as elements of a Redis list, and reads them, even broken
ones.

See https://docs.celeryq.dev/en/stable/internals/protocol.html.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from contracts.partition import address
from worker.domain.dead_letter import REMOVED, hide_secrets, hide_secrets_in_text
from worker.domain.record import key_of

_READ_AT_MOST = 8 * 1024 * 1024
_TEXT_AT_MOST = 255
_PARAMETERS_TOLD = frozenset({"argsrepr", "kwargsrepr"})


@dataclass(frozen=True, slots=True)
class Reading:
    """The readable parts of a message; any of them may be missing.

    ``raw``: the message without the tokens in its headers.
    ``stripped``: whether a token was removed.
    """

    raw: bytes
    stripped: bool = False
    task: str | None = None
    command_id: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    kwargs: dict[str, Any] | None = None

    @property
    def keys(self) -> list[str]:
        """The keys of the plugins that the command is for; several for a batch."""
        if not self.task or self.kwargs is None:
            return []
        items = self.kwargs.get("commands") if self.task == "plugin.batch" else None
        if isinstance(items, list):
            named = {
                address(str(item.get("operation")), item.get("params"))
                for item in items
                if isinstance(item, dict)
            }
        else:
            named = {address(self.task, self.kwargs)}
        return sorted(key_of(*pair) for pair in named if all(pair) and _storable(key_of(*pair)))

    @property
    def expires(self) -> datetime | None:
        """The deadline of the message, if it has a readable one."""
        try:
            moment = datetime.fromisoformat(str(self.headers.get("expires")))
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_message(raw: bytes) -> Reading:
    """Read a list element as far as possible, and remove its tokens. Never raises.

    An unreadable message, or one of more than 8 MiB, loses only parts that look like a token.
    """
    message = _loads(raw) if len(raw) <= _READ_AT_MOST else None
    headers = message.get("headers") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(headers, dict):
        return _unreadable(raw)
    try:
        clean_headers = hide_secrets(headers)
        stripped = clean_headers != headers
        clean = json.dumps({**message, "headers": clean_headers}).encode() if stripped else raw
    except RecursionError:
        return _unreadable(raw)
    return Reading(
        raw=clean,
        stripped=stripped,
        task=_text(headers.get("task")),
        command_id=_text(headers.get("id")),
        headers={name: value for name, value in clean_headers.items() if name not in _PARAMETERS_TOLD},
        kwargs=_kwargs(message),
    )


def with_headers(raw: bytes, *, token: str | None, drop_expires: bool) -> bytes:
    """Return the message with a new token, or without its deadline; unchanged if its headers cannot
    be read.
    """
    message = _loads(raw)
    if not isinstance(message, dict) or not isinstance(message.get("headers"), dict):
        return raw
    headers = {name: value for name, value in message["headers"].items() if value != REMOVED}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if drop_expires:
        headers.pop("expires", None)
    return raw if headers == message["headers"] else json.dumps({**message, "headers": headers}).encode()


def with_arguments(raw: bytes, command_id: str, kwargs: Mapping[str, Any]) -> bytes:
    """Return a readable message under another id and with other keyword arguments."""
    message = json.loads(raw)
    return json.dumps(
        {
            **message,
            "body": _body(kwargs),
            "headers": {**message["headers"], "id": command_id, "root_id": command_id},
            "properties": {
                **message["properties"],
                "correlation_id": command_id,
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
            },
        }
    ).encode()


def task_message(task: str, command_id: str, kwargs: Mapping[str, Any], queue: str) -> bytes:
    """Return a message as a Celery client puts it on ``queue`` (message protocol 2), without a request for an
    answer.
    """
    message = {
        "body": _body(kwargs),
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


def _body(kwargs: Mapping[str, Any]) -> str:
    body = json.dumps([[], kwargs, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return base64.b64encode(body.encode()).decode()


def _unreadable(raw: bytes) -> Reading:
    clean = hide_secrets_in_text(raw)
    return Reading(clean, clean != raw)


def _loads(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode())
    except (ValueError, RecursionError):
        return None


def _kwargs(message: Mapping[str, Any]) -> dict[str, Any] | None:
    body, properties = message.get("body"), message.get("properties")
    if not isinstance(body, str):
        return None
    try:
        encoding = properties.get("body_encoding") if isinstance(properties, dict) else None
        content = base64.b64decode(body, validate=True) if encoding == "base64" else body.encode()
    except (binascii.Error, ValueError):
        return None
    parts = _loads(content)
    readable = isinstance(parts, list) and len(parts) == 3 and isinstance(parts[1], dict)
    return parts[1] if readable else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value[:_TEXT_AT_MOST].encode("utf-8", "replace").decode()


def _storable(text: str) -> bool:
    return len(text) <= 2 * _TEXT_AT_MOST + 1 and text.isprintable()
