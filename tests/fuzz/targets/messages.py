"""The decoder of messages, and what reads them as dead letters."""

import base64
import json
from collections.abc import Sequence

from contracts.errors import ContractError
from contracts.headers import is_traceparent
from tests.fuzz.script import Script, changed_bytes
from tests.fuzz.target import Target
from tests.support.messages import celery_message, message
from tests.support.old_clients import celery_3, celery_php
from worker.dead_letters.message import read_message, with_headers
from worker.tasks.answers import Answer
from worker.tasks.envelope import check_message, deadline
from worker.transport.protocol import Envelope, MessageLimits, parse_envelope

PARAMS = {"domain_id": "d", "plugin_id": "p", "tags": {"password": "x", "a": [1, 2.5, None]}}
ITEM = {"id": "i", "operation": "plugin.enable", "params": PARAMS}
SECRETS = {
    "authorization": "Bearer abc.def",
    "expires": "2030-01-01T00:00:00+00:00",
    "traceparent": "00-1-2-01",
}


def _plain(raw: bytes) -> bytes:
    """A message whose body is not in base64, so that changes reach it."""
    parts = json.loads(raw)
    parts["body"] = base64.b64decode(parts["body"]).decode()
    parts["properties"]["body_encoding"] = "utf-8"
    return json.dumps(parts).encode()


_SENT = [
    message("plugin.update", PARAMS, "c-1", "plugin.commands", **SECRETS),
    message("plugin.batch", {"commands": [ITEM]}, "c-2", "plugin.commands"),
    celery_message("plugin.get", PARAMS, "c-3", protocol=1, expires=60),
    celery_message("plugin.get", PARAMS, "c-4"),
    celery_3("plugin.update", PARAMS, "c-5", expires="2030-01-01T00:00:00", utc=False),
    celery_php("plugin.batch", {"commands": [ITEM]}, "c-6"),
]
SEEDS: Sequence[bytes] = [*_SENT, *map(_plain, _SENT), b"", b"{}", b"[]", b'"token": "abc"', b"\xff\xfe{}"]
WORDS: Sequence[bytes] = [
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"null", b"true", b"1e999", b"NaN", b"-", b"9" * 5_000),
    *(b"\\ud800", b"\\u0000", b"\x00", b"\xff", b"\xf0\x9f\x98\x80", b"__type__", b"__value__", b"[" * 300),
    *(b'"headers": ', b'"task": ', b'"id": ', b'"expires": ', b'"body": ', b'"properties": ', b"Bearer a.b"),
    *(b"base64", b"utf-8", b'"password": "', b'"redelivered": true', b'"chord": {}', b'"kwargs": {}', b"plugin."),
    *(b'"utc": false', b'"taskset": "g"', b'"compression": "x"', b'"correlation_id": "', b"application/x-yaml"),
]  # fmt: skip
LIMITS = MessageLimits(max_bytes_by_task={"plugin.batch": 4 * 2**20})


def _decode(raw: bytes) -> None:
    envelope = parse_envelope(raw, LIMITS)
    if not isinstance(envelope, Envelope):
        return
    try:
        check_message(envelope)
        deadline(envelope.headers)
        is_traceparent(envelope.headers.get("traceparent"))
    except ContractError as error:
        Answer.failure(envelope.id, error)


def _read(raw: bytes) -> None:
    reading = read_message(raw)
    _ = reading.keys, reading.expires
    with_headers(raw, token="t", drop_expires=True)


def _make(script: Script) -> bytes:
    return changed_bytes(script, SEEDS, WORDS)


DECODER = Target("decoder", _make, _decode)
DEAD_LETTERS = Target("dead-letters", _make, _read)
