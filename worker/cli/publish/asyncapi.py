"""The contract as an AsyncAPI 3.0 document: a template beside this file, filled from the catalog."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

import yaml
from pydantic import BaseModel

from contracts.catalog import OPERATIONS, Operation
from contracts.commands import GetPlugin, PluginBatch
from contracts.events import IMAGE_VERSIONS_CHANGED, PLUGIN_CHANGED
from contracts.partition import COMMANDS, QUERIES

_TEMPLATE = Path(__file__).with_name("asyncapi.template.yaml")
_CHANNELS = {COMMANDS: "commands", QUERIES: "queries"}
_ANSWERS: dict[type[BaseModel], tuple[str, ...]] = {
    PluginBatch: ("BatchResults",),
    # With `only` it is a projection.
    GetPlugin: ("PluginInfo", "PluginProjection"),
}
_EVENTS = {"PluginChanged": PLUGIN_CHANGED, "ImageVersionsChanged": IMAGE_VERSIONS_CHANGED}


def asyncapi() -> dict[str, Any]:
    """Return the document; its references are to the JSON Schemas beside it."""
    document = read_template()
    patterns = document.pop("patterns")
    # The version of the package is the version of the contract.
    document["info"]["version"] = version("plugin-repository")
    groups = {
        "WRITES": [operation.command.__name__ for operation in OPERATIONS if operation.is_write],
        "READS": [operation.command.__name__ for operation in OPERATIONS if not operation.is_write],
        "ANSWERS": [*_every_answer(), "Failure"],
        "EVENTS": list(_EVENTS),
        "REJECTIONS": ["Rejection"],
    }
    for channel in document["channels"].values():
        names = groups[channel["messages"]]
        channel["messages"] = {name: {"$ref": f"#/components/messages/{name}"} for name in names}
    document["operations"] = _operations(patterns)
    document["components"]["messages"] = _messages(patterns)
    return document


def read_template() -> dict[str, Any]:
    """Return the template: what does not depend on the catalog."""
    found: dict[str, Any] = yaml.safe_load(_TEMPLATE.read_text("utf-8"))
    return found


def _operations(patterns: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for operation in OPERATIONS:
        entry = _fill(
            patterns["receive"],
            summary=operation.summary,
            channel=_CHANNELS[operation.queue],
            message=operation.command.__name__,
        )
        entry["reply"]["messages"] = [
            {"$ref": f"#/channels/replies/messages/{name}"} for name in (*_answers(operation), "Failure")
        ]
        found[operation.verb] = entry | _api(operation)
    for name in _EVENTS:
        found[f"publish{name}"] = _fill(patterns["send"], channel="events", message=name)
    found["tellRejection"] = _fill(patterns["send"], channel="rejections", message="Rejection")
    return found


def _api(operation: Operation) -> dict[str, Any]:
    """What the API text calls an operation; nothing for the operations that are not in it."""
    if not operation.api_message:
        return {}
    call: dict[str, Any] = {
        "message": operation.api_message,
        "method": operation.api_method,
        "path": operation.api_path,
    }
    if operation.api_also:
        call["also"] = [{"method": method, "path": path} for method, path in operation.api_also]
    return {"x-api": call}


def _messages(patterns: dict[str, Any]) -> dict[str, Any]:
    commands = {
        operation.command.__name__: _fill(
            patterns["command"],
            task=operation.task,
            summary=operation.summary,
            schema=operation.command.__name__,
        )
        for operation in OPERATIONS
    }
    answers = {name: _fill(patterns["reply"], status="SUCCESS", schema=name) for name in _every_answer()}
    answers["Failure"] = _fill(patterns["reply"], status="FAILURE", schema="Failure")
    events = {name: _fill(patterns["event"], type=kind, schema=name) for name, kind in _EVENTS.items()}
    return commands | answers | events | {"Rejection": patterns["rejection"]}


def _answers(operation: Operation) -> Iterable[str]:
    """The names of the schemas of what an operation may answer with."""
    return _ANSWERS.get(operation.command, (operation.result.__name__,))


def _every_answer() -> list[str]:
    return list(dict.fromkeys(name for operation in OPERATIONS for name in _answers(operation)))


def _fill(pattern: Any, **words: str) -> Any:
    """Return a copy of ``pattern`` with ``$name`` replaced in its texts by the word of that name."""
    if isinstance(pattern, dict):
        return {key: _fill(value, **words) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return [_fill(value, **words) for value in pattern]
    return Template(pattern).safe_substitute(words) if isinstance(pattern, str) else pattern
