"""Reads a message for its task, strictly: what it is, or why it cannot be read or must be refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from contracts._nesting import deeper_than
from worker.transport.element import BadPart, BrokenElement, Element, read_element

DEFAULT_MAX_BYTES: Final = 512 * 1024
"""The largest list element, in bytes."""

DEFAULT_MAX_DEPTH: Final = 32
"""The deepest nesting of headers and properties."""

_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "binary"})
"""What clients call the encoding of a body that is JSON, which is UTF-8 in any case."""

MAX_ID_LENGTH: Final = 1024
"""The longest id that a message can be answered under, in characters."""


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


def parse_envelope(raw: bytes, limits: MessageLimits) -> Envelope | Unreadable:
    """Read ``raw``, of message protocol 2 or 1. Never raises, whatever was sent."""
    try:
        element = read_element(raw, strict=True)
    except BrokenElement as broken:
        return Unreadable(broken.reason, broken.detail)
    headers = element.headers
    identity, task = headers.get("id"), headers.get("task")
    if not identity and not task:
        return Unreadable("no_task", "neither task nor id in the headers, nor in a body of protocol 1")
    if not is_answerable(identity):
        return Unreadable("bad_id", type(identity).__name__)
    if not isinstance(task, str):
        task = ""
    properties = element.properties
    reply_to, priority = properties.get("reply_to"), properties.get("priority")

    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    embed: dict[str, Any] = {}
    refusal = None
    try:
        _check_size(raw, task, limits)
        _check_format(element)
        _check_depth(element, limits.max_depth)
        args, kwargs, embed = element.arguments()
    except BadPart as bad:
        refusal = EnvelopeRefusal(bad.reason, bad.path, bad.message)
    return Envelope(
        id=identity,
        task=task,
        args=args,
        kwargs=kwargs,
        embed=embed,
        headers=headers,
        reply_to=reply_to if isinstance(reply_to, str) else None,
        priority=priority if type(priority) is int else 0,
        redelivered=_was_redelivered(headers, properties),
        refusal=refusal,
    )


def is_answerable(value: Any) -> TypeGuard[str]:
    """Return whether ``value`` is an id that can be answered: one printable line, at most 1,024 characters.

    The id becomes part of log lines and of the key of an answer. The task itself checks the id of a command.
    """
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and value.isprintable()


def _was_redelivered(headers: dict[str, Any], properties: dict[str, Any]) -> bool:
    # A stock consumer marks a message so when it restores it.
    info = properties.get("delivery_info")
    return headers.get("redelivered") is True or (isinstance(info, dict) and info.get("redelivered") is True)


def _check_size(raw: bytes, task: str, limits: MessageLimits) -> None:
    limit = limits.max_bytes_by_task.get(task, limits.max_bytes)
    if len(raw) > limit:
        raise BadPart("oversize", "", f"the message has {len(raw)} bytes, at most {limit} are allowed")


def _check_format(element: Element) -> None:
    message = element.message
    properties = message.get("properties")
    if not isinstance(properties, dict):
        raise BadPart("bad_properties", "properties", "properties must be an object")
    tag = properties.get("delivery_tag")
    if not isinstance(tag, str) or not tag:
        raise BadPart("bad_delivery_tag", "properties.delivery_tag", "delivery_tag must be a string")
    if not isinstance(properties.get("delivery_info", {}), dict):
        raise BadPart("bad_properties", "properties.delivery_info", "delivery_info must be an object")
    content_type, charset = message.get("content-type"), message.get("content-encoding")
    if element.headers.get("compression"):
        raise BadPart(
            "compressed", "headers.compression", "a compressed body is not accepted; send it as it is"
        )
    if content_type != "application/json":
        raise BadPart("foreign_content_type", "content-type", "the content type must be application/json")
    if charset is not None and (not isinstance(charset, str) or charset.lower() not in _CHARSETS):
        raise BadPart("foreign_content_type", "content-encoding", "the content encoding must be utf-8")


def _check_depth(element: Element, limit: int) -> None:
    for name, part in (("headers", element.headers), ("properties", element.properties)):
        if deeper_than(part, limit):
            raise BadPart("too_deep", name, f"{name} are nested deeper than {limit}")
