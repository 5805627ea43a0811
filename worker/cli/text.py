"""Text that a terminal shows and does not obey."""

import json
import re
from datetime import datetime
from typing import Any

from contracts.values import format_time

# What JSON leaves as it is: DEL and the C1 controls, and marks that turn the direction of writing.
_CONTROLS = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return ``text`` with every character escaped that could move the cursor; line breaks stay."""
    if text.isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)


def plain(value: Any) -> str:
    """Return a value in one line: a text without what could move the cursor, anything else as JSON."""
    if isinstance(value, str) and value.isprintable():
        return value
    text = to_json(value)
    return text if text.isprintable() else json.dumps(value)


def to_json(value: Any, indent: int | None = None) -> str:
    """Return readable JSON: times are RFC 3339, and control characters of a terminal are escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_time)
    return _CONTROLS.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
