"""The messages that the cases send: raw, as any publisher of Celery pushes them."""

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from redis import Redis

from contracts.partition import COMMANDS, QUERIES
from tests.support.messages import message, queue_of

DOMAIN = "bench"
NOOPS = "bench.noop"
"""The task that does nothing, and its queue."""
BATCH = 200
"""The items of one batch."""
_SIZE = 300
"""The keyword arguments of each command as JSON, in bytes."""

_numbers = itertools.count(1)


class Message(NamedTuple):
    """A command id, and the list element that sends the command to ``queue``."""

    command_id: str
    queue: str
    raw: bytes


def registration(plugin: str) -> dict[str, Any]:
    return _padded(
        {
            "domain_id": DOMAIN,
            "name": plugin,
            "service_type": "notification.Protocol",
            "image": f"acme/{plugin}",
        }
    )


def update(plugin: str) -> dict[str, Any]:
    """An update that changes something, whatever came before."""
    return _padded({"domain_id": DOMAIN, "plugin_id": plugin}, n=next(_numbers))


def reference(plugin: str) -> dict[str, Any]:
    return {"domain_id": DOMAIN, "plugin_id": plugin}


def _padded(params: dict[str, Any], **tags: Any) -> dict[str, Any]:
    padded = {**params, "tags": {**tags, "description": ""}}
    padded["tags"]["description"] = "x" * (_SIZE - len(json.dumps(padded)))
    return padded


def send(task: str, params: dict[str, Any], queue: str) -> Message:
    command_id = f"bench-{next(_numbers)}"
    return Message(command_id, queue, message(task, params, command_id, queue))


def singles(count: int, partitions: int = 1) -> list[Message]:
    """Single commands for plugins that are new: for each a registration and four updates."""
    run = next(_numbers)
    sent = []
    for number in range(count):
        plugin = f"p{run}-{number // 5}"
        task, params = (
            ("plugin.update", update(plugin)) if number % 5 else ("plugin.register", registration(plugin))
        )
        sent.append(send(task, params, queue_of(task, params, partitions)))
    return sent


def updates(count: int, plugins: Sequence[str]) -> list[Message]:
    """Single updates of plugins that exist, each in its turn."""
    names = itertools.islice(itertools.cycle(plugins), count)
    return [send("plugin.update", update(plugin), COMMANDS) for plugin in names]


def noops(count: int) -> list[Message]:
    return [send(NOOPS, _padded({"n": number}), NOOPS) for number in range(count)]


def gets(count: int, plugins: Sequence[str]) -> list[Message]:
    names = itertools.islice(itertools.cycle(plugins), count)
    return [send("plugin.get", reference(plugin), QUERIES) for plugin in names]


def batches(task: str, params: Iterable[dict[str, Any]]) -> list[Message]:
    """Batches of one kind of write."""
    items = [{"id": f"item-{next(_numbers)}", "operation": task, "params": each} for each in params]
    return [
        send("plugin.batch", {"commands": items[start : start + BATCH]}, COMMANDS)
        for start in range(0, len(items), BATCH)
    ]


def push(redis: Redis, messages: Iterable[Message]) -> None:
    """Push the messages in order, with one command of Redis each, in one pipeline."""
    with redis.pipeline(transaction=False) as pipe:
        for sent in messages:
            pipe.lpush(sent.queue, sent.raw)
        pipe.execute()
