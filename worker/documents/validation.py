"""The message for a document that a model refuses."""

from pydantic import ValidationError

from contracts.storable import path_of
from contracts.values import mending_order


def first_error(error: ValidationError) -> str:
    """Return the field and the reason of the error to mend first; never a value."""
    errors = error.errors(include_url=False, include_input=False)
    first = min(errors, key=mending_order)
    path = path_of(first["loc"])
    match first["type"]:
        case "extra_forbidden":
            return f"unknown {path}"
        case "missing":
            return f"{path} is required"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{path}: {reason}" if path else reason
