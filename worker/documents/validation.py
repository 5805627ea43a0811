"""What is said of a document that a model refuses."""

from pydantic import ValidationError

from contracts.values import path_of

_ORDER = {"extra_forbidden": 0, "missing": 1}


def first_error(error: ValidationError) -> str:
    """Return field and reason of the error to mend first, never a value.

    An unknown field comes before all others: a misspelt name often is why another field is missing.
    """
    errors = error.errors(include_url=False, include_input=False)
    first = min(errors, key=lambda each: _ORDER.get(each["type"], len(_ORDER)))
    path = path_of(first["loc"])
    match first["type"]:
        case "extra_forbidden":
            return f"unknown {path}"
        case "missing":
            return f"{path} is required"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{path}: {reason}" if path else reason
