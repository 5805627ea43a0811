"""Answers as a person reads them."""

from collections.abc import Mapping
from typing import Any

from contracts.catalog import Operation
from worker.cli.table import Fields, Table
from worker.cli.text import in_any_case, plain

_COLUMNS = ("plugin_id", "name", "state", "service_type", "provider", "image", "revision")

AnswerPart = str | Table | Fields


def render(operation: Operation, answer: Any, asked: Mapping[str, Any]) -> list[AnswerPart]:
    """Return an operation's answer in the parts to write, from the top.

    ``asked``: the keyword arguments of the operation.
    """
    match operation.verb:
        case "list":
            query = asked.get("query") or {}
            return _plugins(answer, is_ordered=bool(query.get("sort") or query.get("page")))
        case "stat":
            return _rows(answer)
        case "get_versions":
            return _versions(answer)
        case _:
            return [Fields(answer)]


def _plugins(answer: Mapping[str, Any], *, is_ordered: bool) -> list[AnswerPart]:
    rows = answer["results"]
    if not is_ordered and all("name" in row for row in rows):
        rows = sorted(rows, key=_by_name)
    known = [column for column in _COLUMNS if any(column in row for row in rows)]
    names = {name for row in rows for name in row}
    others = sorted(names - set(_COLUMNS), key=in_any_case) if len(known) < 4 else []
    parts: list[AnswerPart] = [Table([*known, *others], rows)] if rows else []
    parts.append(_count(len(rows), answer.get("total_count"), "plugin(s)"))
    if answer.get("unavailable"):
        parts.append(f"not answered by: {', '.join(map(plain, answer['unavailable']))}")
    return parts


def _by_name(row: Mapping[str, Any]) -> tuple[str, ...]:
    return *in_any_case(row["name"]), str(row.get("plugin_id"))


def _rows(answer: Mapping[str, Any]) -> list[AnswerPart]:
    rows = answer["results"]
    parts: list[AnswerPart] = [plain(row) for row in rows]
    if rows and all(isinstance(row, dict) for row in rows):
        parts = [Table(list(dict.fromkeys(name for row in rows for name in row)), rows)]
    return [*parts, _count(len(rows), answer.get("total_count"), "row(s)")]


def _versions(answer: Mapping[str, Any]) -> list[AnswerPart]:
    notes = [f"{plain(answer['total_count'])} version(s), {plain(answer['sync_state'])}"]
    if "synced_at" in answer:
        notes.append(f"read at {plain(answer['synced_at'])}")
    notes += [word for word in ("stale", "truncated") if answer[word]]
    return [*map(plain, answer["results"]), ", ".join(notes)]


def _count(shown: int, total: int | None, what: str) -> str:
    return f"{shown} {what}" if total in (None, shown) else f"{shown} of {total} {what}"
