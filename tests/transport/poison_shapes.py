"""Every shape of message that kills, stalls or misleads a stock worker, and what is to become of it.

``parked``: moved whole, with the reason. ``refused``: its id can be read, so its task is told to refuse it.
``unknown``: answered and parked. ``foreign``: the same, but answered with the reason. ``ran``: odd, but there is
nothing wrong with it for the task.
"""

import json
from typing import Any

from tests.support.messages import encode_body as b64
from tests.transport.elements import parts, parts_of_1

Fate = tuple[str, str]
TASK = "test.note"


def make(kwargs: dict[str, Any] | None = None) -> bytes:
    return json.dumps(parts(TASK, kwargs or {"number": 1})).encode()


def without(*path: str) -> bytes:
    message = parts(TASK, {"number": 1})
    target = message
    for name in path[:-1]:
        target = target[name]
    del target[path[-1]]
    return json.dumps(message).encode()


def put(value: Any, *path: str) -> bytes:
    message = parts(TASK, {"number": 1})
    target = message
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    return json.dumps(message).encode()


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def old(*dropped: str, **changes: Any) -> bytes:
    """A message of protocol 1, without or with other fields of its body."""
    message, body = parts_of_1(TASK, {"number": 1})
    fields = {name: value for name, value in {**body, **changes}.items() if name not in dropped}
    return json.dumps({**message, "body": b64(fields)}).encode()


def old_put(value: Any, *path: str) -> bytes:
    """A message of protocol 1 with another value beside its body."""
    message, _ = parts_of_1(TASK, {"number": 1})
    *way, last = path
    target = message
    for name in way:
        target = target[name]
    target[last] = value
    return json.dumps(message).encode()


def foreign(body: bytes, content_type: str, compression: str = "", **properties: Any) -> bytes:
    """A message of protocol 1 whose body is something else than JSON; ``id``: of its properties."""
    message, fields = parts_of_1(TASK, {"number": 1})
    assert message["properties"]["correlation_id"] == fields["id"]
    message |= {"body": b64(body), "content-type": content_type, "content-encoding": "binary"}
    message["headers"] |= {"compression": compression} if compression else {}
    message["properties"]["correlation_id"] = properties.get("id", fields["id"])
    return json.dumps(message).encode()


def old_cut_off(headers: Any) -> bytes:
    """A message of protocol 1 with other headers, whose body cannot be read."""
    message, _ = parts_of_1(TASK, {"number": 1})
    return json.dumps({**message, "headers": headers, "body": "e30"}).encode()


HEADERS = (
    *("argsrepr", "authorization", "eta", "expires", "group", "kwargsrepr", "lang", "origin", "parent_id"),
    *("root_id", "shadow", "stamped_headers", "timelimit", "traceparent", "\ud800"),
)
PROPERTIES = ("correlation_id", "delivery_tag", "reply_to", "\ud800")

SHAPES: dict[str, tuple[bytes, Fate]] = {
    "not json": (b"hello", ("parked", "not_json")),
    "empty": (b"", ("parked", "not_json")),
    "cut off": (make()[:-20], ("parked", "not_json")),
    "not utf-8": (b'{"headers": "\xff\xfe"}', ("parked", "not_utf8")),
    "pickle": (b"\x80\x04\x95\x10\x00\x00\x00", ("parked", "not_utf8")),
    "NaN": (b"NaN", ("parked", "not_json")),
    "list": (b"[1, 2]", ("parked", "not_an_object")),
    "string": (b'"text"', ("parked", "not_an_object")),
    "number": (b"12", ("parked", "not_an_object")),
    "null": (b"null", ("parked", "not_an_object")),
    "long number": (b"9" * 5000, ("parked", "not_json")),
    "too deep to parse": (b"[" * 20_000 + b"]" * 20_000, ("parked", "too_deep")),
    "empty object": (b"{}", ("parked", "bad_headers")),
    "no headers": (without("headers"), ("parked", "bad_headers")),
    "headers a list": (put([1], "headers"), ("parked", "bad_headers")),
    "headers a string": (put("x", "headers"), ("parked", "bad_headers")),
    "headers empty": (put({}, "headers"), ("parked", "no_task")),
    "no id": (without("headers", "id"), ("parked", "bad_id")),
    "id a number": (put(7, "headers", "id"), ("parked", "bad_id")),
    "id an object": (put({"a": 1}, "headers", "id"), ("parked", "bad_id")),
    "id empty": (put("", "headers", "id"), ("parked", "bad_id")),
    "id endless": (put("x" * 1025, "headers", "id"), ("parked", "bad_id")),
    "id not printable": (put("a\nb", "headers", "id"), ("parked", "bad_id")),
    "id half a character": (put("\ud800", "headers", "id"), ("parked", "bad_id")),
    "huge": (put("x" * 300_000, "headers", "filler"), ("parked", "oversize")),
    "no task": (without("headers", "task"), ("unknown", "")),
    "task a number": (put(3, "headers", "task"), ("unknown", "")),
    "task a list": (put(["a"], "headers", "task"), ("unknown", "")),
    "unknown task": (put("no.such", "headers", "task"), ("unknown", "no.such")),
    "task half a character": (put("no.\ud800such", "headers", "task"), ("unknown", "no.\ud800such")),
    "no properties": (without("properties"), ("refused", "bad_properties")),
    "properties a list": (put([], "properties"), ("refused", "bad_properties")),
    "no delivery tag": (without("properties", "delivery_tag"), ("refused", "bad_delivery_tag")),
    "delivery tag a list": (put([1], "properties", "delivery_tag"), ("refused", "bad_delivery_tag")),
    "delivery info a number": (put(1, "properties", "delivery_info"), ("refused", "bad_properties")),
    "no content type": (without("content-type"), ("refused", "foreign_content_type")),
    "yaml": (put("application/x-yaml", "content-type"), ("refused", "foreign_content_type")),
    "pickle content type": (
        put("application/x-python-serialize", "content-type"),
        ("refused", "foreign_content_type"),
    ),
    "content type a list": (put([1], "content-type"), ("refused", "foreign_content_type")),
    "latin-1": (put("latin-1", "content-encoding"), ("refused", "foreign_content_type")),
    "body called binary": (put("binary", "content-encoding"), ("ran", "")),
    "no content encoding": (without("content-encoding"), ("ran", "")),
    "headers an empty list": (put([], "headers"), ("parked", "bad_headers")),
    "compressed": (put("application/x-gzip", "headers", "compression"), ("refused", "compressed")),
    "unknown body encoding": (put("rot13", "properties", "body_encoding"), ("refused", "bad_body_encoding")),
    "body encoding a list": (put([], "properties", "body_encoding"), ("refused", "bad_body_encoding")),
    "no body": (without("body"), ("refused", "bad_body")),
    "body a number": (put(5, "body"), ("refused", "bad_body")),
    "bad base64": (put("%%%not-base64", "body"), ("refused", "bad_base64")),
    "base64 with another character": (put("%" + b64([[], {}, {}]), "body"), ("refused", "bad_base64")),
    "base64 cut off": (put(b64([[], {}, {}])[:-1], "body"), ("refused", "bad_base64")),
    "body not utf-8": (put(b64(b"\xff\xfe"), "body"), ("refused", "not_utf8")),
    "body not json": (put(b64(b"hello"), "body"), ("refused", "bad_body")),
    "body empty": (put("", "body"), ("refused", "bad_body")),
    "body an object": (put(b64({"args": []}), "body"), ("refused", "bad_body")),
    "body of two": (put(b64([[], {}]), "body"), ("refused", "bad_body")),
    "args an object": (put(b64([{}, {}, {}]), "body"), ("refused", "bad_body")),
    "kwargs a list": (put(b64([[], [], {}]), "body"), ("refused", "bad_body")),
    "embed a list": (put(b64([[], {}, []]), "body"), ("refused", "bad_body")),
    "body with Infinity": (put(b64(b'[[], {"a": Infinity}, {}]'), "body"), ("refused", "bad_body")),
    "deep kwargs": (make(kwargs={"number": 1, "a": nested(300)}), ("ran", "")),
    "body too deep to parse": (
        put(b64(b'[[], {"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}, {}]"), "body"),
        ("refused", "too_deep"),
    ),
    "headers too deep": (put(nested(40), "headers", "x"), ("refused", "too_deep")),
    "too large for its task": (make(kwargs={"number": 1, "filler": "x" * 70_000}), ("refused", "oversize")),
    "protocol 1": (old(), ("ran", "")),
    "protocol 1, no headers": (old_put(None, "headers"), ("ran", "")),
    "protocol 1, id in the headers too": (old_put({"id": [1], "expires": {}}, "headers"), ("ran", "")),
    "protocol 1, no arguments": (old("args", "kwargs"), ("ran", "")),
    "protocol 1, null for no arguments": (old(args=None), ("ran", "")),
    "protocol 1, odd fields": (old(eta={"a": 1}, expires=[1], group=[1], timelimit=7, utc=[]), ("ran", "")),
    "protocol 1, unknown task": (old(task="no.such"), ("unknown", "no.such")),
    "protocol 1, task a number": (old(task=3), ("unknown", "")),
    "protocol 1, no task": (old("task"), ("unknown", "")),
    "protocol 1, neither task nor id": (old("task", "id"), ("parked", "no_task")),
    "protocol 1, no id": (old("id"), ("parked", "bad_id")),
    "protocol 1, id a number": (old(id=7), ("parked", "bad_id")),
    "protocol 1, id not printable": (old(id="a\nb"), ("parked", "bad_id")),
    "protocol 1, headers an empty list": (old_put([], "headers"), ("ran", "")),
    "protocol 1, headers a list": (old_put([1], "headers"), ("parked", "bad_headers")),
    "protocol 1, body cut off": (old_put(b64({})[:-1], "body"), ("foreign", "bad_base64")),
    "protocol 1, no headers, body cut off": (old_cut_off(None), ("foreign", "bad_base64")),
    "protocol 1, headers an empty list, body cut off": (old_cut_off([]), ("foreign", "bad_base64")),
    "protocol 1, headers a list, body cut off": (old_cut_off([1]), ("parked", "bad_headers")),
    "protocol 1, too deep to parse": (
        old_put(b64(b'{"id": "x", "kwargs": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"), "body"),
        ("foreign", "too_deep"),
    ),
    "protocol 1, NaN": (old(kwargs={"number": float("nan")}), ("refused", "bad_body")),
    "protocol 1, no properties": (old_put(None, "properties"), ("parked", "no_task")),
    "protocol 1, no delivery tag": (
        old_put(None, "properties", "delivery_tag"),
        ("refused", "bad_delivery_tag"),
    ),
    "protocol 1, yaml": (old_put("application/x-yaml", "content-type"), ("refused", "foreign_content_type")),
    "protocol 1, said to be compressed": (
        old_put("application/x-gzip", "headers", "compression"),
        ("refused", "compressed"),
    ),
    "protocol 1, compressed": (
        foreign(b"x\x9c", "application/json", "application/x-gzip"),
        ("foreign", "compressed"),
    ),
    "protocol 1, pickle": (
        foreign(b"\x80\x04N.", "application/x-python-serialize"),
        ("foreign", "foreign_content_type"),
    ),
    "protocol 1, pickle, no id": (
        foreign(b"\x80\x04N.", "application/x-python-serialize", id=None),
        ("parked", "no_task"),
    ),
    "protocol 1, pickle, id a number": (
        foreign(b"\x80\x04N.", "application/x-python-serialize", id=7),
        ("parked", "bad_id"),
    ),
    "protocol 1, args an object": (old(args={}), ("refused", "bad_body")),
    "protocol 1, kwargs a list": (old(kwargs=[]), ("refused", "bad_body")),
    "protocol 1, too deep": (old(timelimit=nested(40)), ("refused", "too_deep")),
    "protocol 1, too large": (old(filler="x" * 70_000), ("refused", "oversize")),
    "body an object beside a task": (
        put(b64({"task": "no.such", "id": "x"}), "body"),
        ("refused", "bad_body"),
    ),
    "eta": (put("2999-01-01T00:00:00", "headers", "eta"), ("ran", "")),
    "long id": (put("x" * 1024, "headers", "id"), ("ran", "")),
    "id not ASCII": (put("\u00e9", "headers", "id"), ("ran", "")),
    "odd eta": (put({"a": 1}, "headers", "eta"), ("ran", "")),
    "expired": (put("2001-01-01T00:00:00", "headers", "expires"), ("ran", "")),
    "odd expires": (put([1], "headers", "expires"), ("ran", "")),
    "odd time limit": (put("soon", "headers", "timelimit"), ("ran", "")),
    "odd retries": (put({"a": []}, "headers", "retries"), ("ran", "")),
    "odd group": (put([1], "headers", "group"), ("ran", "")),
    "odd stamps": (put(7, "headers", "stamped_headers"), ("ran", "")),
    "odd shadow": (put([1], "headers", "shadow"), ("ran", "")),
    "odd argsrepr": (put({"a": 1}, "headers", "argsrepr"), ("ran", "")),
    "huge header": (put("x" * 20_000, "headers", "origin"), ("ran", "")),
    "odd root id": (put([1], "headers", "root_id"), ("ran", "")),
    "odd ignore_result": (put("maybe", "headers", "ignore_result"), ("ran", "")),
    "odd priority": (put("high", "properties", "priority"), ("ran", "")),
    "odd reply_to": (put([1], "properties", "reply_to"), ("ran", "")),
    "odd correlation id": (put([1], "properties", "correlation_id"), ("ran", "")),
    "headers named as attributes": (put("x", "headers", "called_directly"), ("ran", "")),
    "embed with attributes": (put(b64([[], {"number": 1}, {"id": "x", "delivery": 1}]), "body"), ("ran", "")),
    "kombu type": (make(kwargs={"number": 1, "a": {"__type__": "uuid", "__value__": "x"}}), ("ran", "")),
    "lone surrogate": (make(kwargs={"number": 1, "a": "\ud800"}), ("ran", "")),
    "half characters all over": (
        json.dumps(
            {
                **parts(TASK, {"number": 1}),
                "headers": {**dict.fromkeys(HEADERS, "\ud800"), "task": TASK, "id": "half"},
                "properties": {
                    **dict.fromkeys(PROPERTIES, "\ud800"),
                    "body_encoding": "base64",
                    "delivery_info": {"\ud800": "\ud800"},
                },
            }
        ).encode(),
        ("ran", ""),
    ),
    "half characters in embed": (
        put(b64([[], {"number": 1}, {"callbacks": "\ud800", "\ud800": "\ud800"}]), "body"),
        ("ran", ""),
    ),
    "plain text body": (
        json.dumps(
            {**parts(TASK), "body": '[[], {"number": 1}, {}]'}
            | {"properties": {"delivery_tag": "t", "delivery_info": {}}}
        ).encode(),
        ("ran", ""),
    ),
}
