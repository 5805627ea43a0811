"""The times of a query, compared with stored ones, which are whole milliseconds."""

from datetime import datetime, timedelta
from typing import Any

from bson import MaxKey

from contracts.values import to_milliseconds

_NEVER = MaxKey()
"""A value that no stored value equals."""


def at_milliseconds(time: datetime | None, operator: str) -> Any:
    """Return the value to compare stored times with, for the same result as with ``time``, which may be
    finer.

    ``operator``: eq, not, in, not_in, lt, lte, gt or gte.
    """
    if time is None or (before := to_milliseconds(time)) == time:
        return time
    match operator:
        case "lte" | "gt":
            return before
        case "lt" | "gte":
            return before + timedelta(milliseconds=1)
        case _:
            return _NEVER
