"""Messages of remote control, as kombu publishes them."""

import base64
import json
from typing import Any
from uuid import uuid4

CHANNEL = "/0.celery.pidbox"
REPLIES = "reply.celery.pidbox"


def control_message(method: Any, arguments: Any = None, **body: Any) -> bytes:
    """What is announced for one question. `body`: more of its fields, or others in place of these."""
    sent = {
        "method": method,
        "arguments": {} if arguments is None else arguments,
        "destination": None,
        "pattern": None,
        "matcher": None,
        **body,
    }
    return wrapped(json.dumps(sent).encode())


def wrapped(body: bytes, **message: Any) -> bytes:
    """A body in the message of kombu around it. `message`: other parts of it."""
    parts = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1, "expires": 0},
        "properties": {
            "delivery_mode": 1,
            "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
        **message,
    }
    return json.dumps(parts).encode()


def asking(routing_key: Any, exchange: Any = REPLIES) -> dict[str, Any]:
    """The fields of a question whose sender waits for an answer on the list of `routing_key`."""
    return {"reply_to": {"exchange": exchange, "routing_key": routing_key}, "ticket": str(uuid4())}


def answer_in(raw: Any) -> Any:
    """What a message of an answer says, by the name of the worker."""
    return json.loads(base64.b64decode(json.loads(raw)["body"]))


MALFORMED: dict[str, bytes] = {
    "empty": b" ",
    "a word": b"x",
    "list": b"[1]",
    "number": b"1",
    "null": b"null",
    "string": b'"x"',
    "empty object": b"{}",
    "no properties": b'{"body": "", "headers": {}}',
    "properties a list": b'{"body": "", "headers": {}, "properties": []}',
    "no delivery tag": b'{"body": "e30=", "headers": {}, "properties": {"body_encoding": "base64"}}',
    "body a number": b'{"body": 1, "headers": {}, "properties": {"delivery_tag": "1", "delivery_info": {}}}',
    "unknown type": b'{"__type__": "x", "__value__": 1}',
    "not utf-8": b"\xff",
    "too deep": b"[" * 20_000 + b"]" * 20_000,
    "body not utf-8": wrapped(b"\xff"),
    "body a list": wrapped(b"[]"),
    "body too deep": wrapped(b"[" * 20_000 + b"]" * 20_000),
    "body not base64": wrapped(b"{}").replace(b"e30=", b"*"),
    "compressed": wrapped(b"x\x9c", headers={"compression": "application/x-gzip"}),
    "pickle": wrapped(b"cos\nsystem\n(S'true'\ntR.", **{"content-type": "application/x-python-serialize"}),
    "no method": wrapped(b'{"arguments": {}}'),
    "method a list": control_message(["ping"]),
    "arguments a list": control_message("ping", [1]),
    "destination a number": control_message("ping", destination=5),
    "destinations numbers": control_message("ping", destination=[5, None]),
    "pattern a list": control_message("ping", pattern=["*"], matcher="glob"),
    "reply to a word": control_message("ping", reply_to="x", ticket="y"),
    "reply to nothing": control_message("ping", reply_to={}),
    "too large": control_message("ping", {"more": "x" * 70_000}),
    "many arguments": control_message("ping", dict.fromkeys(map(str, range(20_000)))),
}
"""What is announced and is no question, by a name."""
