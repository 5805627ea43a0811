"""From the fields of a command's model to the parameters of a command line."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from worker.settings import DOMAIN_ID


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object: written out, or in a file (``@file.json``, ``@-`` for standard input)."""

    name = "JSON|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        try:
            text = _content(value[1:]) if value.startswith("@") else value
            found = json.loads(text)
        except OSError as fault:
            self.fail(f"cannot read {value[1:]}: {fault.strerror or fault}", param, ctx)
        except (ValueError, RecursionError) as fault:
            self.fail(f"is no JSON: {fault}", param, ctx)
        if not isinstance(found, dict):
            self.fail("must be a JSON object", param, ctx)
        return found


class Choice(click.Choice[str]):
    """One of several words, or an empty string, which counts as not given, as it does in a message."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return "" if value == "" else super().convert(value, param, ctx)


def parameters_of(model: type[BaseModel]) -> list[click.Parameter]:
    """One parameter a field: the plugin that is meant is an argument, everything else an option."""
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    return [_parameter(name, field, name in required) for name, field in schema["properties"].items()]


def arguments_of(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the message: what was given on the command line, and nothing else."""
    values = {name: given[name] for name in model.model_fields}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def _parameter(name: str, field: Mapping[str, Any], required: bool) -> click.Parameter:
    kinds = _kinds(field)
    help_text = field.get("description", "")
    if name == "plugin_id" and required:
        return click.Argument([name])
    flag = f"--{name.replace('_', '-')}"
    if name == "domain_id":
        return click.Option(
            [flag], required=True, envvar=DOMAIN_ID, show_envvar=True, metavar="ID", help=help_text
        )
    if "array" in kinds:
        return click.Option(
            [flag],
            type=_choice(kinds["array"].get("items", {}), kinds),
            multiple=True,
            callback=_listed,
            help=f"{help_text} May be given several times.",
        )
    if "boolean" in kinds:
        return click.Option([flag], is_flag=True, help=help_text)
    value_type: Any = click.STRING
    if "object" in kinds:
        value_type = JsonObject()
    elif "integer" in kinds:
        value_type = click.INT
    elif "enum" in kinds.get("string", {}):
        value_type = Choice(kinds["string"]["enum"])
    return click.Option([flag], type=value_type, required=required, help=help_text)


def _content(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")


def _kinds(field: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The JSON types that a field may have, each with its schema; null, which means absent, is none."""
    return {
        str(form.get("type", "object")): form  # a reference is to a model
        for form in field.get("anyOf", [field])
        if form.get("type") != "null"
    }


def _choice(items: Mapping[str, Any], kinds: Mapping[str, Mapping[str, Any]]) -> Any:
    values = items.get("enum") or kinds.get("string", {}).get("enum")
    return Choice(values) if values else click.STRING


def _listed(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> list[Any] | None:
    """The values of an option that may be repeated, without empty ones; one value may be a JSON list, such as
    ``[]``.
    """
    if len(given) == 1 and given[0].startswith("["):
        try:
            found = json.loads(given[0])
        except (ValueError, RecursionError) as fault:
            raise click.BadParameter(f"is no JSON: {fault}", context, parameter) from None
        return list(found)
    return [value for value in given if value != ""] or None
