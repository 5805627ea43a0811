"""Whether a template holds valid JSON Schemas."""

# mypy: disallow-untyped-calls=False

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend, validator_for

from contracts.errors import InvalidTemplateSchema
from contracts.values import path_of

MAX_NODES = 5_000
"""Objects, lists and booleans in all schemas of a template: the slowest draft takes about 0.5 ms for each."""

_CACHED = 16 * 1024
"""Characters of the largest schema that is remembered."""


def check_template(template: dict[str, Any]) -> None:
    """Refuse a template in which a top-level value has a ``schema`` key that is no valid JSON Schema.

    Draft 7, as in the reference implementation, unless ``$schema`` names another draft that is known. Raises
    ``InvalidTemplateSchema`` with the path.
    """
    schemas = {
        f"template.{key}.schema": value["schema"]
        for key, value in template.items()
        if isinstance(value, dict) and "schema" in value
    }
    nodes = 0
    for path, schema in schemas.items():
        nodes += _nodes(schema)
        if nodes > MAX_NODES:
            raise InvalidTemplateSchema(
                f"{path}: the schemas of a template may have at most {MAX_NODES} objects, lists and booleans",
                details={"path": path},
            )
    for path, schema in schemas.items():
        text = json.dumps(schema, sort_keys=True)
        fault = _remembered(text) if len(text) <= _CACHED else _fault(text)
        if fault:
            path += fault[0]
            raise InvalidTemplateSchema(f"{path}: {fault[1]}", details={"path": path})


def _nodes(value: Any) -> int:
    """What may be a schema of its own inside ``value``, or is compared as a whole."""
    if isinstance(value, dict):
        return 1 + sum(map(_nodes, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_nodes, value))
    return int(isinstance(value, bool))


def _fault(text: str) -> tuple[str, str] | None:
    """``(path, reason)`` of the first fault, None for a valid schema."""
    schema = json.loads(text)
    if not isinstance(schema, dict | bool):
        return "", "is neither an object nor a boolean"
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        return ".$schema", "is not a valid JSON Schema (type)"
    try:
        fault = _first_error(schema)
    except (RecursionError, OverflowError):
        # What Python's regular expressions raise for some beside their own error.
        return "", "has a pattern that is too large"
    except ValueError:
        return ".$schema", "is not a URI"
    if fault is None:
        return None
    path = path_of(list(fault.absolute_path))
    dot = "." if path and not path.startswith("[") else ""
    return f"{dot}{path}", f"is not a valid JSON Schema ({fault.validator})"


# Forms repeat far more often than they change.
_remembered = lru_cache(maxsize=1024)(_fault)


def _first_error(schema: dict[str, Any] | bool) -> ValidationError | None:
    """The first error of a schema; ``check_schema`` looks for all of them, and for the best."""
    draft: Any = validator_for(schema, default=Draft7Validator)
    checker = extend(validator_for(draft.META_SCHEMA, default=draft), {"uniqueItems": _unique_items})
    errors = checker(draft.META_SCHEMA, format_checker=draft.FORMAT_CHECKER).iter_errors(schema)
    first = next(errors, None)
    return None if first is None else best_match(iter([first]))


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """``uniqueItems`` in the time of one look at each item; jsonschema's own compares each with each."""
    if unique and isinstance(instance, list):
        # true and 1 differ, 1 and 1.0 do not (JSON Schema, "Instance Equality").
        seen = {json.dumps(_plain(item), sort_keys=True) for item in instance}
        if len(seen) < len(instance):
            yield ValidationError("has non-unique elements")


def _plain(value: Any) -> Any:
    """A JSON value in which a float without a fraction is an integer."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
