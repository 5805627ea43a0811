"""The JSON Schema of a command as it is sent, where its model alone says less or more than that."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

from contracts.catalog import WRITES
from contracts.commands import PluginBatch
from contracts.query.shape import nullable
from worker.cli.publish.asyncapi import read_template

_ABSENT = {"enum": [None, ""], "description": "Counts as not given."}


def as_sent(model: type[BaseModel], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the keyword arguments of ``model``, from the ``schema`` of the model itself.

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
    checked = {
        "id": fields["id"] | _command_id(),
        "operation": fields["operation"] | {"enum": sorted(WRITES)},
    }
    return batch | {"$defs": {"BatchItem": item | {"properties": fields | checked}}}


def _command_id() -> dict[str, Any]:
    headers = read_template()["components"]["schemas"]["CeleryHeaders"]
    return {key: value for key, value in headers["properties"]["id"].items() if key != "description"}
