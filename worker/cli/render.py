"""Answers as a person reads them."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.catalog import Operation
from contracts.values import format_time

_COLUMNS = ("plugin_id", "name", "state", "service_type", "provider", "image", "revision")
_WIDEST = 60
# What JSON leaves as it is: DEL and the C1 controls, and marks that turn the direction of writing.
_CONTROLS = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def render(operation: Operation, answer: Any) -> str:
    """The text for an operation's answer."""
    match operation.verb:
        case "list":
            return _plugins(answer)
        case "stat":
            return _rows(answer)
        case "get_versions":
            return _versions(answer)
        case _:
            return fields(answer)


def fields(value: Mapping[str, Any]) -> str:
    """One line a field."""
    width = max((len(name) for name in value), default=0)
    return "\n".join(f"{name:<{width}}  {plain(item)}" for name, item in value.items())


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows below their columns' names."""
    cells = [list(columns), *([plain(row.get(column, "-")) for column in columns] for row in rows)]
    widths = [min(_WIDEST, max(len(line[i]) for line in cells)) for i in range(len(columns))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def plain(value: Any) -> str:
    """A value in one line: text as it is, without what would move the cursor, anything else as JSON."""
    if isinstance(value, str) and value.isprintable():
        return value
    text = to_json(value)
    return text if text.isprintable() else json.dumps(value)


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON, readable; times are RFC 3339, and what a terminal could take for a command is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_time)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _plugins(answer: Mapping[str, Any]) -> str:
    rows = answer["results"]
    known = [column for column in _COLUMNS if any(column in row for row in rows)]
    others = sorted({name for row in rows for name in row} - set(_COLUMNS)) if len(known) < 4 else []
    lines = [table([*known, *others], rows)] if rows else []
    lines.append(_count(len(rows), answer.get("total_count"), "plugin(s)"))
    if answer.get("unavailable"):
        lines.append(f"not answered by: {', '.join(answer['unavailable'])}")
    return "\n".join(lines)


def _rows(answer: Mapping[str, Any]) -> str:
    rows = answer["results"]
    if rows and all(isinstance(row, dict) for row in rows):
        text = table(list(dict.fromkeys(name for row in rows for name in row)), rows)
    else:
        text = "\n".join(plain(row) for row in rows)
    return "\n".join(part for part in (text, _count(len(rows), answer.get("total_count"), "row(s)")) if part)


def _versions(answer: Mapping[str, Any]) -> str:
    notes = [f"{answer['total_count']} version(s), {answer['sync_state']}"]
    if "synced_at" in answer:
        notes.append(f"read at {answer['synced_at']}")
    notes += [word for word in ("stale", "truncated") if answer[word]]
    return "\n".join([*answer["results"], ", ".join(notes)])


def _count(shown: int, total: int | None, what: str) -> str:
    return f"{shown} {what}" if total in (None, shown) else f"{shown} of {total} {what}"
