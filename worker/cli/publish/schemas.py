"""`plugins schemas`: publish the contract as JSON Schema and AsyncAPI."""

import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

import contracts
from contracts import errors
from contracts.catalog import OPERATIONS
from contracts.errors import ContractError
from contracts.events import SCHEMAS, Attributes, ImageVersionsChanged, PluginChanged, Rejection
from contracts.plugin import PluginInfo
from contracts.results import BatchResult, ErrorInfo, PluginsInfo, StatInfo, VersionsInfo
from worker.cli.publish.asyncapi import asyncapi
from worker.cli.publish.command_schemas import as_sent
from worker.terminal import say

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(contracts.__file__).parent / "schemas"

ANSWERS: dict[str, type[BaseModel]] = {
    "PluginInfo": PluginInfo,
    "PluginsInfo": PluginsInfo,
    "VersionsInfo": VersionsInfo,
    "StatInfo": StatInfo,
    "BatchResult": BatchResult,
    "ErrorInfo": ErrorInfo,
    "PluginChanged": PluginChanged,
    "ImageVersionsChanged": ImageVersionsChanged,
    "EventAttributes": Attributes,
    "Rejection": Rejection,
}
"""The messages that callers and subscribers read: file name to model."""


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    help="Where to write. Default: contracts/schemas beside the program.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 if a file is stale.")
def schemas(directory: Path, check: bool) -> None:
    """Publish the contract: a JSON Schema for each message, the table of errors, and asyncapi.yaml."""
    stale = _stale(directory)
    if check:
        for path in stale:
            say(f"{path} is stale: run plugins schemas", err=True)
        sys.exit(1 if stale else 0)
    directory.mkdir(parents=True, exist_ok=True)
    for path, content in stale.items():
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        say(str(path))


def _stale(directory: Path) -> dict[Path, bytes | None]:
    """Return the files to write, and as None those to remove.

    Schemas that are no longer published are removed from the program's own folder alone: in another folder
    they may belong to others.
    """
    wanted = {directory / name: text.encode() for name, text in documents().items()}
    found = {path: path.read_bytes() for path in wanted if path.is_file()}
    stale: dict[Path, bytes | None] = {p: content for p, content in wanted.items() if content != found.get(p)}
    if directory.resolve() == FOLDER.resolve():
        stale |= {path: None for path in directory.glob("*.json") if path not in wanted and path.is_file()}
    return dict(sorted(stale.items()))


def documents() -> dict[str, str]:
    """Return every published file by its name."""
    found = {o.command.__name__: _command(o.command) for o in OPERATIONS}
    found |= {name: _open(_schema(name, model, "serialization")) for name, model in ANSWERS.items()}
    found["PluginProjection"] = _projection()
    found["PluginsInfo"]["properties"]["results"]["items"] = {"$ref": "PluginProjection.json"}
    found["BatchResults"] = {
        "$schema": DIALECT,
        "$id": f"{SCHEMAS}/BatchResults.json",
        "title": "BatchResults",
        "description": "The answer of a batch: the outcome of each item, in the order sent.",
        "type": "array",
        "items": {"$ref": "BatchResult.json"},
    }
    found["Failure"] = _failure()
    texts = {f"{name}.json": _json(schema) for name, schema in found.items()}
    texts["errors.json"] = _json(error_table())
    texts["asyncapi.yaml"] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=110)
    return texts


def error_table() -> list[dict[str, Any]]:
    """Return every error that may be answered: code, class, kind, meaning, and SpaceONE's code, if any."""
    rows = []
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, ContractError) and _is_answered(error):
            row = {"code": error.code, "class": name, "kind": error.kind, "when": _text(error)}
            rows.append(row | ({"spaceone_code": error.spaceone_code} if error.spaceone_code else {}))
    return rows


def _is_answered(error: type[ContractError]) -> bool:
    """Return whether a class is none of the kinds, which others of the contract are made of."""
    return not any(below.__module__ == error.__module__ for below in error.__subclasses__())


class _Plain(GenerateJsonSchema):
    """Leaves out the titles that pydantic makes of field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schema(name: str, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode, schema_generator=_Plain, ref_template="#/$defs/{model}")
    head = {"$schema": DIALECT, "$id": f"{SCHEMAS}/{name}.json", "title": name}
    plain: dict[str, Any] = _described({**head, **schema, "title": name})
    return plain


def _command(model: type[BaseModel]) -> dict[str, Any]:
    return as_sent(model, _schema(model.__name__, model, "validation"))


def _described(schema: dict[str, Any]) -> Any:
    """Return a schema with its descriptions, which are docstrings, in one line."""

    def describe(part: dict[str, Any]) -> dict[str, Any]:
        text = part.get("description")
        return part | {"description": _one_line(text)} if isinstance(text, str) else part

    return _changed(schema, describe)


def _open(schema: dict[str, Any]) -> Any:
    """Return a schema that allows unknown fields: new ones may be added to answers and events."""
    closed = ("additionalProperties", False)
    return _changed(
        schema, lambda part: {key: value for key, value in part.items() if (key, value) != closed}
    )


def _changed(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a JSON value with every object in it changed."""
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return change({key: _changed(item, change) for key, item in value.items()})


def _projection() -> dict[str, Any]:
    schema: dict[str, Any] = _open(_schema("PluginProjection", PluginInfo, "serialization"))
    for part in schema["$defs"].values():
        part.pop("required")
    described = (
        "A `PluginInfo`, or the fields of one that `only` named, down to parts of them; the rows of a list."
    )
    return schema | {"description": described, "required": ["plugin_id"]}


def _failure() -> dict[str, Any]:
    table = error_table()
    return {
        "$schema": DIALECT,
        "$id": f"{SCHEMAS}/Failure.json",
        "title": "Failure",
        "description": "The result of a task in state FAILURE: an error of errors.json.",
        "type": "object",
        "required": ["exc_type", "exc_module", "exc_message"],
        "properties": {
            "exc_type": {"enum": [row["class"] for row in table]},
            "exc_module": {"const": "contracts.errors"},
            "exc_message": {
                "type": "array",
                "minItems": 3,
                "prefixItems": [
                    {"type": "string", "description": "One sentence for a person."},
                    {"enum": sorted({row["code"] for row in table}), "description": "The stable code."},
                    {
                        "type": "object",
                        "description": (
                            "`path` names the faulty field; `reason` and `next_try_at` are of a registry."
                        ),
                    },
                ],
            },
        },
    }


def _text(item: object) -> str:
    return _one_line(inspect.getdoc(item) or "")


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("``", "`")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
