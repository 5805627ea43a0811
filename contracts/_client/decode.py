"""Reads answers, which other programs may have written: nothing but what the contract can hold."""

import inspect
import json
from collections.abc import Mapping
from typing import Any, Final

from contracts import errors
from contracts._client.unanswered import UnreadableAnswer
from contracts._nesting import deeper_than
from contracts.errors import ContractError
from contracts.values import MAX_ANSWER_BYTES

MAX_MESSAGE_BYTES: Final = MAX_ANSWER_BYTES + 1024 * 1024
"""The most bytes of a message that carries an answer."""

MAX_MESSAGE_DEPTH: Final = 64
"""The deepest nesting of a message that carries an answer. A plugin's own JSON has 32 levels."""

_ERRORS: Final[Mapping[str, type[ContractError]]] = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ContractError) and hasattr(kind, "kind")
}


def read_answer(payload: bytes | str) -> dict[str, Any]:
    """Return what is stored or published as an answer, in the form in which Celery's backends return it.

    ``result`` is JSON, or the error of a ``FAILURE``. Nothing is decompressed, and no class is looked up but
    those of ``contracts.errors``.

    Raises: ``UnreadableAnswer``.
    """
    told = _object(payload)
    status, task_id, result = told.get("status"), told.get("task_id"), told.get("result")
    if not isinstance(status, str) or not isinstance(task_id, str) or status == "REVOKED":
        raise unreadable("it has no status of an answer, or no id")
    if status == "FAILURE":
        result = _error(result)
    return {"status": status, "result": result, "task_id": task_id, "traceback": None, "children": []}


def unreadable(why: str) -> UnreadableAnswer:
    """Return the error of an answer that cannot be read; the text must hold nothing of it."""
    return UnreadableAnswer(f"the answer cannot be read: {why}")


def _object(payload: bytes | str) -> dict[str, Any]:
    if len(payload) > MAX_MESSAGE_BYTES:
        raise unreadable(f"it has more than {MAX_MESSAGE_BYTES} bytes")
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        raise unreadable("it is not JSON") from None
    if not isinstance(told, dict):
        raise unreadable("it is not a JSON object")
    if _may_be_deep(payload) and deeper_than(told, MAX_MESSAGE_DEPTH):
        raise unreadable(f"it is nested deeper than {MAX_MESSAGE_DEPTH} levels")
    return told


def _may_be_deep(payload: bytes | str) -> bool:
    text = payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace")
    return text.count(b"{") + text.count(b"[") > MAX_MESSAGE_DEPTH


def _error(told: Any) -> ContractError:
    if not isinstance(told, dict) or told.get("exc_module") != errors.__name__:
        raise unreadable("its error is not one of contracts.errors")
    parts = told.get("exc_message")
    if not isinstance(parts, list):
        raise unreadable("its error has no message")
    return error_of(told.get("exc_type"), *parts[:3])


def error_of(name: Any, message: Any = None, code: Any = None, details: Any = None) -> ContractError:
    """Return the error of ``contracts.errors`` that an answer names.

    Raises: ``UnreadableAnswer``.
    """
    kind = _ERRORS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise unreadable("its error is not one of contracts.errors")
    if (
        not isinstance(message, str)
        or not isinstance(code, str | None)
        or not isinstance(details, dict | None)
    ):
        raise unreadable("its error has no message, code and details")
    return kind(message, code, details)
