"""Checks the JSON Schemas in a template."""

# mypy: disallow-untyped-calls=False

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend, validator_for

from contracts.errors import InvalidTemplateSchema
from contracts.storable import path_of

MAX_NODES = 5_000
"""The largest number of objects, lists and booleans in all schemas of a template: the slowest draft takes
about 0.5 ms for each.
"""

_CACHED = 16 * 1024
"""The largest schema that is remembered, in characters."""


def check_template(template: dict[str, Any]) -> None:
    """Refuse a template if the ``schema`` of any of its top-level values is not a valid JSON Schema.

    Draft 7, as in the reference implementation, unless ``$schema`` names another known draft.

    Raises: ``InvalidTemplateSchema`` with ``details.path``.
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
        error = _remembered(text) if len(text) <= _CACHED else _fault(text)
        if error:
            path += error[0]
            raise InvalidTemplateSchema(f"{path}: {error[1]}", details={"path": path})


def _nodes(value: Any) -> int:
    """Return the number of values inside ``value`` that may be a schema of their own, or are compared as a
    whole.
    """
    if isinstance(value, dict):
        return 1 + sum(map(_nodes, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_nodes, value))
    return int(isinstance(value, bool))


def _fault(text: str) -> tuple[str, str] | None:
    """Return ``(path, reason)`` of the first error, None for a valid schema."""
    schema = json.loads(text)
    if not isinstance(schema, dict | bool):
        return "", "is neither an object nor a boolean"
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        return ".$schema", "is not a valid JSON Schema (type)"
    try:
        error = _first_error(schema)
    except (RecursionError, OverflowError):
        # What Python's regular expressions raise for some beside their own error.
        return "", "has a pattern that is too large"
    except ValueError:
        return ".$schema", "is not a URI"
    if error is None:
        return None
    path = path_of(list(error.absolute_path))
    dot = "." if path and not path.startswith("[") else ""
    return f"{dot}{path}", f"is not a valid JSON Schema ({error.validator})"


# Forms repeat far more often than they change.
_remembered = lru_cache(maxsize=1024)(_fault)


def _first_error(schema: dict[str, Any] | bool) -> ValidationError | None:
    """Return the first error of a schema; ``check_schema`` would search for all of them, and for the best."""
    draft: Any = validator_for(schema, default=Draft7Validator)
    checker = extend(validator_for(draft.META_SCHEMA, default=draft), {"uniqueItems": _unique_items})
    errors = checker(draft.META_SCHEMA, format_checker=draft.FORMAT_CHECKER).iter_errors(schema)
    first = next(errors, None)
    return None if first is None else best_match(iter([first]))


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Check ``uniqueItems`` in one pass; jsonschema itself compares each item with each."""
    if unique and isinstance(instance, list):
        # true and 1 differ, 1 and 1.0 do not (JSON Schema, "Instance Equality").
        seen = {json.dumps(_plain(item), sort_keys=True) for item in instance}
        if len(seen) < len(instance):
            yield ValidationError("has non-unique elements")


def _plain(value: Any) -> Any:
    """Return a JSON value in which floats without a fraction are integers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
