"""Values as text."""

import json
from datetime import datetime
from typing import Any

from contracts.values import format_time
from worker.terminal import printable_lines


def plain(value: Any) -> str:
    """Return a value in one line: a text without what could move the cursor, a time as
    RFC 3339, anything else as JSON.
    """
    if isinstance(value, datetime):
        return format_time(value)
    return value if isinstance(value, str) and value.isprintable() else to_json(value)


def in_any_case(name: Any) -> tuple[str, str]:
    """Return a key to sort names by as people do: in any case, and capitals first where that is all."""
    text = str(name)
    return text.casefold(), text


def to_json(value: Any, indent: int | None = None) -> str:
    """Return readable JSON: times are RFC 3339, and what a terminal would obey or hide is escaped."""
    return printable_lines(json.dumps(value, indent=indent, ensure_ascii=False, default=_time))


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
