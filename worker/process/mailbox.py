"""The messages of Celery's remote control, as kombu's pidbox writes them; read strictly.

See ``kombu.pidbox``: a question is announced on a channel of Redis, and its answer goes to a list that the
sender reads.
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from kombu.utils.json import dumps
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

EXCHANGE: Final = "celery.pidbox"
REPLIES: Final = f"reply.{EXCHANGE}"

MAX_BYTES: Final = 64 * 1024
"""The largest question that is read, in bytes."""

_Uuid = Annotated[str, Field(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z")]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Properties(_Strict):
    body_encoding: Literal["base64"]


class _Message(_Strict):
    body: Base64Bytes
    properties: _Properties


class _ReplyTo(_Strict):
    """The list of a caller of kombu, and no other: else a worker would write where its sender may not."""

    exchange: Literal["reply.celery.pidbox"]
    routing_key: _Uuid


class _Body(_Strict):
    method: str
    arguments: dict[str, Any] | None = None
    destination: list[str] | None = None
    pattern: str | None = None
    reply_to: _ReplyTo | None = None
    ticket: _Uuid | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What a sender asks.

    ``destination``: the names of the workers that are asked; empty: all of them. ``pattern``: one for their
    names. ``reply_to``, ``ticket``: where the answer goes, and what it bears; None if the sender waits for
    none.
    """

    method: str
    arguments: dict[str, Any]
    destination: tuple[str, ...]
    pattern: str
    reply_to: str | None
    ticket: str | None


def channel(client: Any) -> str:
    """Return the channel of the questions to the workers of a Redis. ``client``: a redis-py client of it."""
    return f"/{client.connection_pool.connection_kwargs.get('db') or 0}.{EXCHANGE}"


def read_question(raw: bytes) -> Question | None:
    """Return the question in ``raw``; None, whatever was sent, if it is none."""
    if len(raw) > MAX_BYTES:
        return None
    try:
        body = _Body.model_validate_json(_Message.model_validate_json(raw).body)
    except ValidationError:
        return None
    return Question(
        method=body.method,
        arguments=body.arguments or {},
        destination=tuple(body.destination or ()),
        pattern=body.pattern or "",
        reply_to=body.reply_to.routing_key if body.reply_to else None,
        ticket=body.ticket,
    )


def reply_list(routing_key: str) -> str:
    """Return the list that a caller of kombu reads its answers from."""
    return f"{routing_key}.{REPLIES}"


def reply_message(hostname: str, answer: Any, routing_key: str, ticket: str | None) -> bytes:
    """Return the answer of the worker ``hostname``, as a message for ``reply_list``."""
    message = {
        "body": b64encode(dumps({hostname: answer}).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"ticket": ticket},
        "properties": {
            "delivery_mode": 1,
            "delivery_info": {"exchange": REPLIES, "routing_key": routing_key},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }
    return json.dumps(message).encode()
