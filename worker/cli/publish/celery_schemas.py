"""Celery's own part of a message, message protocol 2, as JSON Schema."""

from typing import Any

COMMAND_ID = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"}
"""What the id of a command may be."""


def celery_schemas() -> dict[str, Any]:
    """The headers of a task, and one element of a queue around them."""
    text = {"type": "string"}
    return {
        "CeleryHeaders": {
            "type": "object",
            "description": "Celery message protocol 2. Canvas parts, ETA and countdown are refused.",
            "required": ["task", "id"],
            "properties": {
                "task": {**text, "description": "The task name."},
                "id": {
                    **COMMAND_ID,
                    "description": "The command id: it has at most one effect, however often it is sent.",
                },
                "expires": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "The deadline; past it the command is not applied.",
                },
                "ignore_result": {"type": ["boolean", "null"], "description": "The caller wants no answer."},
                "lang": text,
                "root_id": {"type": ["string", "null"]},
                "parent_id": {"type": ["string", "null"]},
                "eta": {"type": "null"},
                "authorization": {**text, "description": "Bearer <JWT>."},
                "traceparent": {**text, "description": "W3C Trace Context; it is passed on to the event."},
            },
        },
        "QueueElement": {
            "type": "object",
            "description": "One element of a queue, as Celery publishers write it.",
            "required": ["body", "content-type", "content-encoding", "headers", "properties"],
            "properties": {
                "body": {**text, "contentEncoding": "base64", "description": "The payload."},
                "content-type": {"const": "application/json"},
                "content-encoding": {"const": "utf-8"},
                "headers": {"$ref": "#/components/schemas/CeleryHeaders"},
                "properties": {
                    "type": "object",
                    "required": ["body_encoding", "delivery_tag", "delivery_info"],
                    "properties": {
                        "body_encoding": {"const": "base64"},
                        "correlation_id": text,
                        "reply_to": text,
                        "delivery_mode": {"type": "integer"},
                        "delivery_tag": text,
                        "delivery_info": {"type": "object"},
                        "priority": {"type": "integer"},
                    },
                },
            },
        },
    }
