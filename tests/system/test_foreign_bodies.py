"""A message whose body is compressed, or something else than JSON: refused, and its sender is told why."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from kombu.compression import encoders
from redis import Redis

from tests.support.live import Live
from tests.support.messages import celery_message, encode_body
from tests.support.servers import wait_until

DEADLINE_S = 60
KWARGS = {"domain_id": "d-foreign", "plugin_id": "p"}

CODINGS = ("gzip", "zlib", "bzip2", "lzma", "brotli", "zstd")
"""What Celery's option ``compression`` may be."""

CONTENT_TYPES = {
    "pickle": "application/x-python-serialize",
    "yaml": "application/x-yaml",
    "msgpack": "application/x-msgpack",
    "text": "text/plain",
    "json with a parameter": "application/json; charset=utf-8",
}


@pytest.fixture
def broker(live: Live) -> Iterator[Redis]:
    with live.redis() as made:
        yield made


def compressed(coding: str, sent: str, task: str, protocol: int) -> bytes:
    """What Celery itself sends, or would send if it had the library for it."""
    if coding in encoders():
        return celery_message(task, KWARGS, sent, protocol=protocol, compression=coding)
    return wrapped(sent, task, protocol, headers={"compression": f"application/{coding}"})


def wrapped(sent: str, task: str, protocol: int, headers: dict[str, str], **parts: str) -> bytes:
    """A message with a body that is no text."""
    message = json.loads(celery_message(task, KWARGS, sent, protocol=protocol))
    message["headers"] |= headers
    return json.dumps(
        message | {"body": encode_body(b"\x80\x00\xff"), "content-encoding": "binary"} | parts
    ).encode()


def refusal(broker: Redis, raw: bytes, sent: str, queue: str) -> tuple[str, Any]:
    key = f"celery-task-meta-{sent}"
    broker.lpush(queue, raw)
    wait_until(lambda: broker.exists(key), DEADLINE_S, f"the answer to {sent}")
    answer = json.loads(str(broker.get(key)))
    assert (answer["status"], answer["result"]["exc_type"]) == ("FAILURE", "InvalidParameter")
    text, code, details = answer["result"]["exc_message"]
    assert code == "INVALID_PARAMETER"
    return text, details


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize(
    ("task", "queue"), [("plugin.enable", "plugin.commands"), ("plugin.get", "plugin.queries")]
)
def test_a_compressed_message_is_refused(
    live: Live, broker: Redis, task: str, queue: str, protocol: int
) -> None:
    for coding in CODINGS:
        sent = str(uuid4())
        told = refusal(broker, compressed(coding, sent, task, protocol), sent, queue)
        assert told == (
            "a compressed body is not accepted; send it as it is",
            {"path": "headers.compression", "reason": "compressed"},
        )
    assert live.commands.running and live.queries.running


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize(
    ("task", "queue"), [("plugin.enable", "plugin.commands"), ("plugin.get", "plugin.queries")]
)
def test_a_body_of_another_format_is_refused(
    live: Live, broker: Redis, task: str, queue: str, protocol: int
) -> None:
    for content_type in CONTENT_TYPES.values():
        sent = str(uuid4())
        raw = wrapped(sent, task, protocol, {}, **{"content-type": content_type})
        assert refusal(broker, raw, sent, queue) == (
            "the content type must be application/json",
            {"path": "content-type", "reason": "foreign_content_type"},
        )
    assert live.commands.running and live.queries.running
