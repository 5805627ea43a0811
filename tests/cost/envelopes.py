"""List elements that are costly before their task sees them, or that no task ever sees."""

import base64
import json
from collections.abc import Callable
from typing import Any

from contracts.values import MAX_COMMAND_BYTES
from tests.cost.writes import DOMAIN
from tests.support.messages import message_parts

SIZE = MAX_COMMAND_BYTES - 2_000
BODY = SIZE * 3 // 4 - 100


def element(body: bytes | None = None, headers: Any = None, **parts: Any) -> bytes:
    """A command with another body, more headers, or other parts."""
    made = message_parts("plugin.enable", {"domain_id": DOMAIN, "plugin_id": "p"}, "cost", "plugin.commands")
    made["headers"] |= headers or {}
    if body is not None:
        made["body"] = base64.b64encode(body).decode()
    return json.dumps(made | parts).encode()


def body(kwargs: str) -> bytes:
    return element(f"[[], {kwargs}, {{}}]".encode())


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
    "element: protocol 1": lambda: json.dumps({"body": base64.b64encode(json.dumps({"task": "plugin.enable", "id": "cost", "kwargs": {f"k{i}": 0 for i in range(BODY // 14)}}).encode()).decode(), "headers": {}, "properties": {"body_encoding": "base64", "delivery_tag": "t"}, "content-type": "application/json", "content-encoding": "utf-8"}).encode(),
}  # fmt: skip
"""Name to a list element."""
