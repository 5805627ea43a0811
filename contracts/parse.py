"""Parses untrusted keyword arguments to a message, or to the refusal that says what is wrong with them."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contracts.commands import MAX_BATCH, BatchItem
from contracts.errors import ContractError, InvalidImage, InvalidParameter, RequiredParameter
from contracts.query import parse_query, parse_statistics
from contracts.storable import Unstorable, check_json, path_of
from contracts.values import mending_order

M = TypeVar("M", bound=BaseModel)

_QUERY_PARSERS: dict[str, Callable[[Any], Any]] = {
    "ListPlugins": parse_query,
    "StatPlugins": parse_statistics,
}
_SHOWN = 10


def parse(model: type[M], arguments: Any) -> M:
    """Return the message of type ``model`` in ``arguments``.

    null counts as not given, and so does an empty string, unless the model says that it clears the field.

    Raises: ``RequiredParameter``, ``InvalidParameter``, ``InvalidImage`` or ``InvalidQuery``. None of them
    repeats a value that was sent.
    """
    if not isinstance(arguments, dict):
        raise InvalidParameter("keyword arguments must be an object", details={"path": ""})
    parse_language, is_frame, clearable = _ways(model)
    try:
        check_json(_checked_here(arguments, parse_language, is_frame))
    except Unstorable as error:
        raise InvalidParameter(str(error), details={"path": error.path}) from None
    given = {k: v for k, v in arguments.items() if v is not None and (v != "" or k in clearable)}
    given = _with_few_unknown(given, model)
    if is_frame and isinstance(items := given.get("commands"), list):
        few = [_with_few_unknown(item, BatchItem) for item in items[:MAX_BATCH]]
        given["commands"] = [*few, *items[MAX_BATCH:]]
    if parse_language and "query" in given:
        given["query"] = parse_language(given["query"])
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_input=False)) from None


@cache
def _ways(model: type[BaseModel]) -> tuple[Callable[[Any], Any] | None, bool, frozenset[str]]:
    """Return the parser of a message's query, whether it is a batch's frame, and its clearable fields."""
    parse_language = _QUERY_PARSERS.get(model.__name__)
    return parse_language, getattr(model, "is_frame", False), getattr(model, "clearable", frozenset())


def _checked_here(
    arguments: dict[str, Any], parse_language: Callable[[Any], Any] | None, is_frame: bool
) -> dict[str, Any]:
    """Return the arguments without a query, and without the parameters of a batch's items: those have parsers
    of their own.
    """
    if parse_language and "query" in arguments:
        return arguments | {"query": None}
    return _outside_params(arguments) if is_frame else arguments


def _outside_params(frame: dict[str, Any]) -> dict[str, Any]:
    items = frame.get("commands")
    if not isinstance(items, list):
        return frame
    bare = [
        item | {"params": None} if isinstance(item, dict) and "params" in item else item for item in items
    ]
    return frame | {"commands": bare}


def _with_few_unknown(given: Any, model: type[BaseModel]) -> Any:
    """Return an object without most of its unknown fields: pydantic's errors for 800,000 take 240 MB."""
    known = _known(model)
    if not isinstance(given, dict) or len(given) <= len(known) + _SHOWN:
        return given
    unknown = [name for name in given if name not in known]
    return {name: given[name] for name in (*known & given.keys(), *unknown[:_SHOWN])}


@cache
def _known(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(model.model_fields)


def _refusal(faults: list[ErrorDetails]) -> ContractError:
    """Return the refusal for the error to mend first."""
    faults = sorted(faults, key=mending_order)
    first = faults[0]
    # The name of an unknown field comes from the sender; other locations also have names of pydantic.
    path = path_of(first["loc"]) if first["type"] == "extra_forbidden" else _field_path(first["loc"])
    details: dict[str, Any] = {"path": path}
    if len(faults) > 1:
        details["faults"] = [{"path": path_of(f["loc"]), "message": f["msg"]} for f in faults[:_SHOWN]]
    match first["type"]:
        case "extra_forbidden":
            return InvalidParameter(f"unknown parameter {path}", details=details)
        case "missing":
            return RequiredParameter(f"{path} is required", details=details)
        case "string_too_short" if len(first["loc"]) == 1:
            return RequiredParameter(f"{path} is empty", details=details)
        case "image":
            return InvalidImage(f"{path} {first['msg']}", details=details)
        case "string_too_long" if first["loc"] == ("image",):
            too_long = {"spaceone_code": "ERROR_INVALID_IMAGE_LENGTH"}
            return InvalidImage(f"{path}: {first['msg']}", details=details | too_long)
        case _:
            return InvalidParameter(f"{path}: {first['msg']}", details=details)


def _field_path(location: Sequence[int | str]) -> str:
    """Return the path without the names that pydantic adds for the members of a union (``state``, not
    ``state.list[...]``).
    """
    return path_of([part for part in location if isinstance(part, int) or _is_field(part)])


def _is_field(part: str) -> bool:
    return not any(mark in part for mark in "[](), ") and part not in {
        "constrained-str",
        "str",
        "int",
        "literal",
    }
