"""The contract as an AsyncAPI 3.0 document: queues and streams, operations, messages."""

from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from contracts.catalog import OPERATIONS, Operation
from contracts.commands import GetPlugin, PluginBatch
from contracts.events import IMAGE_VERSIONS_CHANGED, PLUGIN_CHANGED, REJECTIONS, STREAM
from contracts.partition import COMMANDS, QUERIES
from worker.cli.publish.celery_schemas import celery_schemas

_CHANNELS = {COMMANDS: "commands", QUERIES: "queries"}
_ANSWERS: dict[type[BaseModel], tuple[str, ...]] = {
    PluginBatch: ("BatchResults",),
    # With `only` it is a projection.
    GetPlugin: ("PluginInfo", "PluginProjection"),
}
_TYPES = {"PluginChanged": PLUGIN_CHANGED, "ImageVersionsChanged": IMAGE_VERSIONS_CHANGED}

_INFO = """\
Commands come in as Celery tasks on Redis lists, answers go out by Celery's result backend on Redis, and each
change is announced as a CloudEvents 1.0 event on a Redis Stream.
"""

_QUEUE = """\
A Redis list that Celery publishers LPUSH to. Each element is the JSON of schema QueueElement; its body is,
in base64, the JSON of the message's payload: [args, kwargs, embed], of which args is empty. An element is at
most 512 KiB, 4 MiB for a batch.
"""

_PARTITION = """\
The partition of a plugin where a deployment has several: crc32(utf8("{domain_id}/{plugin_id}")) modulo their
number (unsigned IEEE CRC-32); for register the plugin_id is the last path part of image. It is the unit of
order.
"""

_STREAM = """\
A Redis Stream, read by XREADGROUP or XREAD. An entry's fields are the attributes of a CloudEvents 1.0 event
in binary mode and, beside them, data, which is the JSON of the payload. A subject's events are in the order
of sequence, without a gap unless the attribute gap says so.
"""


def asyncapi() -> dict[str, Any]:
    """The document; references are to the JSON Schemas beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Plugin repository",
            # What counts for the version of the package is the contract.
            "version": version("plugin-repository"),
            "description": _line(_INFO),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "redis": {
                "host": "localhost:6379",
                "protocol": "redis",
                "description": "Broker, result backend and event store; a deployment may use three.",
            }
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": celery_schemas()},
    }


def _channels() -> dict[str, Any]:
    writes = [operation for operation in OPERATIONS if operation.is_write]
    reads = [operation for operation in OPERATIONS if not operation.is_write]
    return {
        "commands": {
            "address": COMMANDS,
            "description": _line(_QUEUE),
            "messages": _refs(o.command.__name__ for o in writes),
        },
        "partition": {
            "address": f"{COMMANDS}.{{partition}}",
            "description": _line(_PARTITION),
            "parameters": {"partition": {"description": "From 0 to the number of partitions less 1."}},
            "messages": _refs(o.command.__name__ for o in writes),
        },
        "queries": {
            "address": QUERIES,
            "description": _line(_QUEUE),
            "messages": _refs(o.command.__name__ for o in reads),
        },
        "replies": {
            "address": "celery-task-meta-{commandId}",
            "description": "A Redis key, kept one hour, and a publication on the channel of that name.",
            "parameters": {"commandId": {"location": "$message.header#/id"}},
            "messages": _refs([*_all_answers(), "Failure"]),
        },
        "events": {"address": STREAM, "description": _line(_STREAM), "messages": _refs(_TYPES)},
        "rejections": {
            "address": REJECTIONS,
            "description": "A Redis Stream of refused writes, best effort, trimmed at 100,000.",
            "messages": _refs(["Rejection"]),
        },
    }


def _operations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for operation in OPERATIONS:
        channel = _CHANNELS[operation.queue]
        found[operation.verb] = {
            "action": "receive",
            "summary": operation.summary,
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [{"$ref": f"#/channels/{channel}/messages/{operation.command.__name__}"}],
            "reply": {
                "channel": {"$ref": "#/channels/replies"},
                "messages": [
                    {"$ref": f"#/channels/replies/messages/{name}"}
                    for name in (*_answers(operation), "Failure")
                ],
            },
        }
        if operation.api_message:
            found[operation.verb]["x-api"] = {
                "message": operation.api_message,
                "method": operation.api_method,
                "path": operation.api_path,
            }
            if operation.api_also:
                also = [{"method": method, "path": path} for method, path in operation.api_also]
                found[operation.verb]["x-api"]["also"] = also
    for name in _TYPES:
        found[f"publish{name}"] = _sending("events", name)
    found["tellRejection"] = _sending("rejections", "Rejection")
    return found


def _sending(channel: str, message: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _messages() -> dict[str, Any]:
    found: dict[str, Any] = {o.command.__name__: _command(o) for o in OPERATIONS}
    for name in _all_answers():
        found[name] = {"payload": _reply("SUCCESS", name)}
    found["Failure"] = {"payload": _reply("FAILURE", "Failure")}
    for name, event_type in _TYPES.items():
        found[name] = {
            "headers": {
                "allOf": [{"$ref": "EventAttributes.json"}, {"properties": {"type": {"const": event_type}}}]
            },
            "payload": {"$ref": f"{name}.json"},
        }
    found["Rejection"] = {"payload": {"$ref": "Rejection.json"}}
    return found


def _command(operation: Operation) -> dict[str, Any]:
    return {
        "name": operation.task,
        "summary": operation.summary,
        "correlationId": {"location": "$message.header#/id"},
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/CeleryHeaders"},
                {"properties": {"task": {"const": operation.task}}},
            ]
        },
        "payload": {
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": [
                {"type": "array", "maxItems": 0},
                {"$ref": f"{operation.command.__name__}.json"},
                {"type": ["object", "null"]},
            ],
        },
    }


def _reply(status: str, result: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["status", "result", "task_id"],
        "properties": {
            "status": {"const": status},
            "result": {"$ref": f"{result}.json"},
            "task_id": {"type": "string", "description": "The command id."},
        },
    }


def _answers(operation: Operation) -> tuple[str, ...]:
    """The names of the schemas of what an operation may answer with."""
    return _ANSWERS.get(operation.command, (operation.result.__name__,))


def _all_answers() -> list[str]:
    return list(dict.fromkeys(name for operation in OPERATIONS for name in _answers(operation)))


def _refs(names: Any) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _line(text: str) -> str:
    return " ".join(text.split())
