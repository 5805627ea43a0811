"""The outcome of one command of many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from contracts import errors


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


def _error(row: Mapping[str, Any] | None) -> errors.ContractError | None:
    if not row:
        return None
    kind = getattr(errors, str(row["type"]), None)
    if not (isinstance(kind, type) and issubclass(kind, errors.ContractError)):
        kind = errors.ContractError
    return kind(row["message"], row["code"], row["details"])
