"""Whether a template holds valid JSON Schemas."""

import json
from functools import lru_cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from contracts.errors import InvalidTemplateSchema
from contracts.parse import path_of


def check_template(template: dict[str, Any]) -> None:
    """Refuse a template in which a top-level value has a ``schema`` key that is no valid JSON Schema.

    Draft 7, as in the reference implementation, unless ``$schema`` names another draft that is known. Raises
    ``InvalidTemplateSchema`` with the path.
    """
    for key, value in template.items():
        if isinstance(value, dict) and "schema" in value:
            fault = _fault(json.dumps(value["schema"], sort_keys=True))
            if fault:
                path = f"template.{key}.schema{fault[0]}"
                raise InvalidTemplateSchema(f"{path}: {fault[1]}", details={"path": path})


@lru_cache(maxsize=1024)
def _fault(text: str) -> tuple[str, str] | None:
    """``(path, reason)`` of the first fault, None for a valid schema. Cached: forms repeat far more often
    than they change.
    """
    schema = json.loads(text)
    if not isinstance(schema, dict | bool):
        return "", "is neither an object nor a boolean"
    try:
        validator: Any = validator_for(schema, default=Draft7Validator)
        validator.check_schema(schema)
    except SchemaError as fault:
        path = path_of(list(fault.absolute_path))
        dot = "." if path and not path.startswith("[") else ""
        return f"{dot}{path}", f"is no valid JSON Schema ({fault.validator})"
    return None
