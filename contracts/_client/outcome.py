"""The outcome of one command of many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from contracts import errors
from contracts._client.decode import error_of, unreadable
from contracts._client.unanswered import UnreadableAnswer


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The outcome of one command of many: its ``result``, or its ``error``; the other one is None."""

    id: str
    result: dict[str, Any] | None
    error: errors.ContractError | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return the outcome in a row of the answer to ``plugin.batch``."""
        return cls(row["id"], row.get("result"), _error(row.get("error")))


def _error(row: Any) -> errors.ContractError | None:
    if row is None:
        return None
    if not isinstance(row, dict):
        return unreadable("an error in it is not an object")
    try:
        return error_of(row.get("type"), row.get("message"), row.get("code"), row.get("details"))
    except UnreadableAnswer as error:
        return error
