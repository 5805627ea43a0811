"""The base of every part of a query: immutable, strict, without unknown fields, with long or short names."""

from collections.abc import Callable
from typing import Any

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from contracts.values import Contract

SHORT = {"key": "k", "value": "v", "operator": "o", "name": "n", "fields": "f"}
"""Long name to short name; if both are given, the long one wins."""

_TAKES_NULL = {"value", SHORT["value"]}
"""The field, of conditions, in which null is a value."""


def lengthened(*names: str) -> Callable[[Any], Any]:
    """Return a validator that replaces the short names of these fields; it lets anything but objects pass."""

    def lengthen(data: Any) -> Any:
        if not isinstance(data, dict) or not any(SHORT[name] in data for name in names):
            return data
        long = _without_nulls(data)
        for name in names:
            if SHORT[name] in long:
                short = long.pop(SHORT[name])
                long.setdefault(name, short)
        return long

    return lengthen


def nullable(field: dict[str, Any], absent: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a field that may also be absent.

    ``absent``: the schema of the values that count as not given, default null.
    """
    null = {"type": "null"}
    outside = {key: field[key] for key in ("default", "description") if key in field}
    bare = {key: item for key, item in field.items() if key not in outside}
    forms = bare["anyOf"] if bare.keys() == {"anyOf"} else [bare]
    return {"anyOf": [*(form for form in forms if form != null), absent or null]} | outside


class Part(Contract):
    """A part of a query in which null counts as not given, except as a value to compare with."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        return _without_nulls(data) if isinstance(data, dict) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(core, handler))
        fields = schema["properties"]
        optional = fields.keys() - schema.get("required", ())
        fields.update({name: nullable(fields[name]) for name in optional})
        schema["additionalProperties"] = {"type": "null"}
        return schema


class NamedPart(Part):
    """A part whose fields may have SpaceONE's short names (``k``, ``v``, ``o``, ``n``, ``f``)."""

    @model_validator(mode="before")
    @classmethod
    def _lengthen(cls, data: Any) -> Any:
        return lengthened(*(name for name in SHORT if name in cls.model_fields))(data)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _under_both_names(super().__get_pydantic_json_schema__(core, handler))


def _without_nulls(data: dict[Any, Any]) -> dict[Any, Any]:
    return {name: item for name, item in data.items() if item is not None or name in _TAKES_NULL}


def _under_both_names(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a part in which each field may have its short name instead."""
    properties = schema["properties"]
    both = [name for name in SHORT if name in properties]
    required = [name for name in schema.get("required", []) if name in both]
    if required:
        schema["required"] = [name for name in schema["required"] if name not in both]
        schema["allOf"] = [{"anyOf": [_given(name), _given(SHORT[name])]} for name in required]
        properties.update({name: nullable(properties[name]) for name in required if name not in _TAKES_NULL})
    properties.update({SHORT[name]: properties[name] for name in both})
    return schema


def _given(name: str) -> dict[str, Any]:
    """Return the JSON Schema of an object in which that field is given."""
    if name in _TAKES_NULL:
        return {"required": [name]}
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
