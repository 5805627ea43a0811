"""List elements that are costly before their task sees them, or that no task ever sees."""

import base64
import json
from collections.abc import Callable
from typing import Any

from contracts.values import MAX_COMMAND_BYTES
from tests.cost.writes import DOMAIN
from tests.support.messages import message_parts
from tests.support.old_clients import celery_3

SIZE = MAX_COMMAND_BYTES - 2_000
BODY = SIZE * 3 // 4 - 100
OLD = BODY - 1_000


def element(body: bytes | None = None, headers: Any = None, **parts: Any) -> bytes:
    """A command with another body, more headers, or other parts."""
    made = message_parts("plugin.enable", {"domain_id": DOMAIN, "plugin_id": "p"}, "cost", "plugin.commands")
    made["headers"] |= headers or {}
    if body is not None:
        made["body"] = base64.b64encode(body).decode()
    return json.dumps(made | parts).encode()


def body(kwargs: str) -> bytes:
    return element(f"[[], {kwargs}, {{}}]".encode())


def old(kwargs: str, *, task: str = "plugin.enable", body_in_lines: bool = False, **fields: Any) -> bytes:
    """A command in protocol 1, with more fields in its body."""
    rest = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in fields.items())
    message = json.loads(celery_3(task, {}, "cost"))
    message["body"] = base64.b64encode(
        f'{{"task":"{task}","id":"cost","kwargs":{kwargs}{rest}}}'.encode()
    ).decode()
    if body_in_lines:
        message["body"] = "\n".join(message["body"])
    return json.dumps(message).encode()


ENVELOPES: dict[str, Callable[[], bytes]] = {
    "body: a long integer": lambda: body('{"a": ' + "9" * BODY + "}"),
    "body: integers of 4,300 digits": lambda: body('{"a": [' + ",".join(["9" * 4_300] * (BODY // 4_301)) + "]}"),
    "body: a long fraction": lambda: body('{"a": 0.' + "9" * BODY + "}"),
    "body: a long exponent": lambda: body('{"a": 1e' + "9" * BODY + "}"),
    "body: fractions": lambda: body('{"a": [' + ",".join(["9" * 300 + "." + "9" * 700] * (BODY // 1_002)) + "]}"),
    "body: one key again and again": lambda: body("{" + ",".join(['"a":0'] * (BODY // 6)) + "}"),
    "body: open lists": lambda: body('{"a": ' + "[" * BODY),
    "body: deep lists": lambda: body('{"a": ' + "[" * (BODY // 2) + "]" * (BODY // 2) + "}"),
    "body: deep objects": lambda: body('{"a":' * (BODY // 6) + "0" + "}" * (BODY // 6)),
    "body: escapes": lambda: body('{"a": "' + "\\u0041" * (BODY // 6) + '"}'),
    "body: surrogates": lambda: body('{"a": "' + "\\ud800" * (BODY // 6) + '"}'),
    "body: blanks": lambda: body(" " * BODY + "{}"),
    "body: not closed": lambda: body('{"a": "' + "x" * BODY),
    "body: colliding keys": lambda: body("{" + ",".join(f'"{i}":0' for i in range(BODY // 11)) + "}"),
    "body: not base64": lambda: element().replace(b'"body": "', b'"body": "' + b"!" * SIZE),
    "body: positional": lambda: element(b"[[" + b",".join([b"0"] * (BODY // 2)) + b"], {}, {}]"),
    "body: callbacks": lambda: element(b'[[], {}, {"callbacks": [' + b",".join([b"{}"] * (BODY // 3)) + b"]}]"),
    "headers: many": lambda: element(headers={f"h{i}": 0 for i in range(SIZE // 13)}),
    "headers: long": lambda: element(headers={"h": "x" * SIZE}),
    "headers: deep": lambda: element(headers={"h": json.loads("[" * 900 + "]" * 900)}),
    "headers: wide": lambda: element(headers={"h": [[]] * (SIZE // 4)}),
    "headers: a long deadline": lambda: element(headers={"expires": "2" * SIZE}),
    "headers: a long trace": lambda: element(headers={"traceparent": "0" * SIZE}),
    "headers: secrets": lambda: element(headers={f"token{i}": "t" for i in range(SIZE // 20)}),
    "headers: a long id": lambda: element(headers={"id": "i" * SIZE}),
    "headers: a long task": lambda: element(headers={"task": "t" * SIZE}),
    "properties: wide": lambda: element(properties={"delivery_tag": "t", "x": [[]] * (SIZE // 4)}),
    "element: not JSON": lambda: b'"' * SIZE,
    "element: open lists": lambda: b"[" * SIZE,
    "element: secrets": lambda: b'"token": "' * (SIZE // 10),
    "element: bearers": lambda: b"Bearer " * (SIZE // 7),
    "element: not UTF-8": lambda: b"\xff" * SIZE,
    "element: blanks": lambda: b" " * SIZE,
    "protocol 1: many keys": lambda: old("{" + ",".join(f'"k{i}":0' for i in range(OLD // 11)) + "}"),
    "protocol 1: one key again and again": lambda: old("{" + ",".join(['"a":0'] * (OLD // 6)) + "}"),
    "protocol 1: deep lists": lambda: old('{"a": ' + "[" * (OLD // 2) + "]" * (OLD // 2) + "}"),
    "protocol 1: NaN": lambda: old("{" + ",".join(f'"k{i}":NaN' for i in range(OLD // 13)) + "}"),
    "protocol 1: a wide field": lambda: old("{}", timelimit=[[]] * (OLD // 4)),
    "protocol 1: callbacks": lambda: old("{}", callbacks=[{}] * (OLD // 4)),
    "protocol 1: base64 in lines": lambda: old("{}", filler="x" * (OLD // 3), body_in_lines=True),
    "protocol 1: a batch": lambda: old('{"commands": [' + ",".join(["{}"] * 500) + '], "x": "' + "x" * 2_900_000 + '"}', task="plugin.batch"),
}  # fmt: skip
"""Name to a list element."""
