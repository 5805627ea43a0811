"""Reads one raw list element into the parts that a task needs, or says why it cannot be read.

It uses plain ``json.loads`` on purpose: kombu's own loader turns objects with ``__type__`` into Python
values, and raises for types that it does not know.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

DEFAULT_MAX_BYTES: Final = 512 * 1024
"""The largest list element, in bytes."""

DEFAULT_MAX_DEPTH: Final = 32
"""The deepest nesting of headers and properties."""

MAX_ID_LENGTH: Final = 1024
"""The longest id that a message can be answered under, in characters."""

_CANVAS_HEADERS: Final = ("eta", "group", "stamps", "stamped_headers")
_CANVAS_PARTS: Final = ("callbacks", "errbacks", "chain", "chord")


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """The limits of a message.

    ``max_bytes``: of the whole list element. ``max_bytes_by_task``: for tasks with a limit of their own.
    ``max_depth``: of headers and properties. The task itself checks the depth of its arguments.
    """

    max_bytes: int = DEFAULT_MAX_BYTES
    max_bytes_by_task: Mapping[str, int] = field(default_factory=dict)
    max_depth: int = DEFAULT_MAX_DEPTH

    @property
    def largest(self) -> int:
        """The largest limit: a larger message is not even taken out of Redis."""
        return max(self.max_bytes, *self.max_bytes_by_task.values(), 0)


@dataclass(frozen=True, slots=True)
class EnvelopeRefusal:
    """Why a message with a readable id is answered with a refusal and not applied.

    ``reason``: a stable word. ``path``: the faulty part. ``message``: a sentence for a person.
    """

    reason: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that can be neither applied nor answered: it is parked whole."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message with a readable id.

    ``task``: empty if it names none.
    ``headers``, ``embed``: as sent, unchecked.
    ``args``, ``kwargs``: empty if there is a ``refusal``.
    """

    id: str
    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    embed: dict[str, Any]
    headers: dict[str, Any]
    reply_to: str | None
    priority: int
    redelivered: bool
    refusal: EnvelopeRefusal | None = None

    @property
    def canvas(self) -> tuple[str, ...]:
        """The names of the canvas parts and delays in the message: ``eta``, ``group``, ``callbacks`` and
        others.
        """
        return tuple(name for name in _CANVAS_HEADERS if self.headers.get(name)) + tuple(
            name for name in _CANVAS_PARTS if self.embed.get(name)
        )


class _Refused(Exception):
    def __init__(self, reason: str, path: str, message: str) -> None:
        super().__init__(message)
        self.refusal = EnvelopeRefusal(reason, path, message)


def parse_envelope(raw: bytes, limits: MessageLimits) -> Envelope | Unreadable:
    """Read ``raw`` as message protocol 2 on a Redis list. Never raises, whatever was sent."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Unreadable("not_utf8", str(error))
    try:
        message = _loads(text)
    except RecursionError:
        return Unreadable("too_deep", "the envelope")
    except ValueError as error:
        return Unreadable("not_json", str(error))
    if not isinstance(message, dict):
        return Unreadable("not_an_object", type(message).__name__)
    headers = message.get("headers")
    if not isinstance(headers, dict):
        return Unreadable("bad_headers", type(headers).__name__)
    if not headers.get("task") and not headers.get("id"):
        return Unreadable("no_task", "neither task nor id in the headers")
    identity = headers.get("id")
    if not is_answerable(identity):
        return Unreadable("bad_id", type(identity).__name__)
    task = headers.get("task")
    if not isinstance(task, str):
        task = ""
    properties = message.get("properties")
    known: dict[str, Any] = properties if isinstance(properties, dict) else {}
    reply_to = known.get("reply_to")
    priority = known.get("priority")

    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    embed: dict[str, Any] = {}
    refusal = None
    try:
        _check_envelope(raw, message, properties, task, limits)
        args, kwargs, embed = _body(message, known)
    except _Refused as refused:
        refusal = refused.refusal
    return Envelope(
        id=identity,
        task=task,
        args=args,
        kwargs=kwargs,
        embed=embed,
        headers=headers,
        reply_to=reply_to if isinstance(reply_to, str) else None,
        priority=priority if type(priority) is int else 0,
        redelivered=_was_redelivered(headers, known),
        refusal=refusal,
    )


def is_answerable(value: Any) -> TypeGuard[str]:
    """Return whether ``value`` is an id that can be answered: one printable line, at most 1,024 characters.

    The id becomes part of log lines and of the key of a result. The task itself checks the id of a command.
    """
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and value.isprintable()


def _was_redelivered(headers: dict[str, Any], properties: dict[str, Any]) -> bool:
    # A stock consumer marks a message so when it restores it.
    info = properties.get("delivery_info")
    return headers.get("redelivered") is True or (isinstance(info, dict) and info.get("redelivered") is True)


def _check_envelope(
    raw: bytes, message: dict[str, Any], properties: Any, task: str, limits: MessageLimits
) -> None:
    limit = limits.max_bytes_by_task.get(task, limits.max_bytes)
    if len(raw) > limit:
        raise _Refused("oversize", "", f"the message has {len(raw)} bytes, at most {limit} are allowed")
    if not isinstance(properties, dict):
        raise _Refused("bad_properties", "properties", "properties must be an object")
    tag = properties.get("delivery_tag")
    if not isinstance(tag, str) or not tag:
        raise _Refused("bad_delivery_tag", "properties.delivery_tag", "delivery_tag must be a string")
    if not isinstance(properties.get("delivery_info", {}), dict):
        raise _Refused("bad_properties", "properties.delivery_info", "delivery_info must be an object")
    content_type, charset = message.get("content-type"), message.get("content-encoding")
    if content_type != "application/json":
        raise _Refused("foreign_content_type", "content-type", "the content type must be application/json")
    if not isinstance(charset, str) or charset.lower() != "utf-8":
        raise _Refused("foreign_content_type", "content-encoding", "the content encoding must be utf-8")
    if message["headers"].get("compression"):
        raise _Refused("compressed", "headers.compression", "a compressed body is not accepted")
    for name in ("headers", "properties"):
        if _deeper_than(message[name], limits.max_depth):
            raise _Refused("too_deep", name, f"{name} are nested deeper than {limits.max_depth}")


def _body(
    message: dict[str, Any], properties: dict[str, Any]
) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    try:
        body = _loads(_body_text(message.get("body"), properties.get("body_encoding")))
    except RecursionError:
        raise _Refused("too_deep", "body", "the body is nested too deep") from None
    except ValueError as error:
        raise _Refused("bad_body", "body", f"the body is not JSON: {error}") from None
    if not isinstance(body, list) or len(body) != 3:
        raise _Refused("bad_body", "body", "the body must be [args, kwargs, embed]")
    args, kwargs, embed = body
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(embed, dict | None):
        raise _Refused("bad_body", "body", "the body must be [array, object, object or null]")
    return args, kwargs, embed or {}


def _body_text(body: Any, encoding: Any) -> str:
    if not isinstance(body, str):
        raise _Refused("bad_body", "body", "the body must be a string")
    if encoding is None or (isinstance(encoding, str) and encoding.lower() == "utf-8"):
        return body
    if encoding != "base64":
        path = "properties.body_encoding"
        raise _Refused("bad_body_encoding", path, "the body encoding must be base64 or utf-8")
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Refused("not_utf8", "body", str(error)) from None
    except (binascii.Error, ValueError) as error:
        raise _Refused("bad_base64", "body", str(error)) from None


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _deeper_than(value: Any, limit: int) -> bool:
    """Return whether ``value``, itself level 1, nests deeper than ``limit``. Does not recurse."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
