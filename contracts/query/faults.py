"""Errors of a query: the path of the faulty part, and what was expected there."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from contracts.errors import InvalidQuery
from contracts.storable import path_of
from contracts.values import mending_order

_TAGGED = frozenset({"filter", "filter_or"})


def expected(what: str, path: str = "") -> PydanticCustomError:
    """Return the error to raise in a validator.

    ``what``: what was expected. ``path``: the way from the validated value to the faulty part.
    """
    return PydanticCustomError("query", "expected {expected}", {"expected": what, "path": path})


def invalid_query(path: str, what: str) -> InvalidQuery:
    """Return the refusal of a query, with ``details.path`` and ``details.expected``. It never repeats what
    was sent.
    """
    return InvalidQuery(f"{path}: expected {what}", details={"path": path, "expected": what})


def refusal(error: ValidationError, root: str) -> InvalidQuery:
    """Return the refusal for the error to mend first."""
    errors = error.errors(include_url=False, include_input=False)
    first = min(errors, key=mending_order)
    return invalid_query(_path(root, first), _wanted(first))


def _wanted(error: ErrorDetails) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "query":
            return str(context["expected"])
        case "extra_forbidden":
            return "no such field"
        case "missing":
            return "a value, it is required"
        case "union_tag_invalid":
            return f"one of {context['expected_tags']}"
        case "union_tag_not_found":
            return "an operator"
        case _:
            return error["msg"].removeprefix("Input should be ").removeprefix("a valid ")


def _path(root: str, error: ErrorDetails) -> str:
    path = path_of(_without_tags(error["loc"]), root)
    inner = error.get("ctx", {}).get("path", "") if error["type"] == "query" else ""
    if error["type"].startswith("union_tag"):
        inner = "operator"
    return f"{path}.{inner}" if inner else path


def _without_tags(location: Sequence[int | str]) -> list[int | str]:
    """Return a location without the parts that pydantic adds: the member of a union (an operator, or
    ``<...>``), ``[key]``.
    """
    parts: list[int | str] = []
    after_index_of_tagged = False
    for part in location:
        is_tag = isinstance(part, str) and (after_index_of_tagged or part[:1] == "<" or part == "[key]")
        after_index_of_tagged = isinstance(part, int) and bool(parts) and _is_tagged(parts)
        if not is_tag:
            parts.append(part)
    return parts


def _is_tagged(parts: Sequence[int | str]) -> bool:
    """Return whether the items of the list at ``parts`` are a union over their operator."""
    if parts[-1] in _TAGGED:
        return True
    return parts[-1] == "fields" and parts[-2:-1] == ["group"]
