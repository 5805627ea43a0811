"""What the wire takes, where a command's model says less or more than that."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

from contracts.catalog import WRITES
from contracts.commands import PluginBatch
from contracts.query.shape import nullable
from worker.cli.publish.celery_schemas import COMMAND_ID

_ABSENT = {"enum": [None, ""], "description": "Counts as not given."}


def as_sent(model: type[BaseModel], schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of the keyword arguments of ``model``, from the ``schema`` of the model itself.

    An optional field may be null or an empty string; the frame of a batch has its ids and operations checked.
    """
    required: Collection[str] = schema.get("required", ())
    clearable: Collection[str] = getattr(model, "clearable", ())
    fields = {
        name: field
        if name in required
        else nullable(field, {"type": "null"} if name in clearable else _ABSENT)
        for name, field in schema["properties"].items()
    }
    sent = schema | {"properties": fields}
    return _with_items(sent) if model is PluginBatch else sent


def _with_items(batch: dict[str, Any]) -> dict[str, Any]:
    item = batch["$defs"]["BatchItem"]
    fields = item["properties"]
    checked = {"id": fields["id"] | COMMAND_ID, "operation": fields["operation"] | {"enum": sorted(WRITES)}}
    return batch | {"$defs": {"BatchItem": item | {"properties": fields | checked}}}
