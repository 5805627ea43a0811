"""From the fields of a command's model to the parameters of a command line."""

import json
from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel

from worker.cli.param_types import JsonObjectParam, OptionalChoice
from worker.settings import DOMAIN_ID


def parameters_of(model: type[BaseModel]) -> list[click.Parameter]:
    """Return one parameter a field: a required ``plugin_id`` is an argument, everything else an option."""
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    return [_parameter(name, field, name in required) for name, field in schema["properties"].items()]


def arguments_of(model: type[BaseModel], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of the message: only the fields given on the command line."""
    values = {name: options[name] for name in model.model_fields}
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
        value_type = JsonObjectParam()
    elif "integer" in kinds:
        value_type = click.INT
    elif "enum" in kinds.get("string", {}):
        value_type = OptionalChoice(kinds["string"]["enum"])
    return click.Option([flag], type=value_type, required=required, help=help_text)


def _kinds(field: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the JSON types that a field may have, each with its schema, without null: it means absent."""
    return {
        str(form.get("type", "object")): form  # a reference is to a model
        for form in field.get("anyOf", [field])
        if form.get("type") != "null"
    }


def _choice(items: Mapping[str, Any], kinds: Mapping[str, Mapping[str, Any]]) -> Any:
    values = items.get("enum") or kinds.get("string", {}).get("enum")
    return OptionalChoice(values) if values else click.STRING


def _listed(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[Any] | None:
    """Return the values of an option that may be repeated, without empty ones; a single value may be a JSON
    list, such as ``[]``.
    """
    if len(values) == 1 and values[0].startswith("["):
        try:
            found = json.loads(values[0])
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(f"is not valid JSON: {error}", context, parameter) from None
        return list(found)
    return [value for value in values if value != ""] or None
