"""Checks the JSON Schemas in a template."""

from typing import Any

from contracts.errors import InvalidTemplateSchema
from contracts.pattern import parse_pattern
from contracts.storable import path_of
from worker.domain.schemas.drafts import draft_of
from worker.domain.schemas.shape import Flaw

MAX_NODES = 5_000
"""The largest number of objects, lists and booleans in all schemas of a template."""

MAX_PATTERN = 1_000
"""The longest regular expression, in characters."""

MAX_PATTERNS = 10_000
"""The largest number of characters in all regular expressions of a template."""


def check_template(template: dict[str, Any]) -> None:
    """Refuse a template if the ``schema`` of any of its top-level values is not a valid JSON Schema.

    Draft 7, as in the reference implementation, unless ``$schema`` names another known draft.

    Raises: ``InvalidTemplateSchema`` with ``details.path``.
    """
    schemas = {
        f"template.{key}.schema": value["schema"]
        for key, value in template.items()
        if isinstance(value, dict) and "schema" in value
    }
    nodes = 0
    for path, schema in schemas.items():
        nodes += _nodes(schema)
        if nodes > MAX_NODES:
            raise _refusal(
                path, f"the schemas of a template may have at most {MAX_NODES} objects, lists and booleans"
            )
    patterns = _Patterns()
    for path, schema in schemas.items():
        if flaw := _flaw(schema, patterns):
            below = path_of(flaw.path)
            dot = "." if below and not below.startswith("[") else ""
            raise _refusal(
                f"{path}{dot}{below}", flaw.reason or f"is not a valid JSON Schema ({flaw.keyword})"
            )


class _Patterns:
    """The regular expressions of a template."""

    def __init__(self) -> None:
        self._left = MAX_PATTERNS

    def check(self, text: str) -> None:
        """Refuse a text that is no regular expression, or too long, alone or with those before it.

        Raises: ``ValueError``.
        """
        if len(text) > MAX_PATTERN:
            raise ValueError(f"a pattern may have at most {MAX_PATTERN} characters")
        self._left -= len(text)
        if self._left < 0:
            raise ValueError(f"the patterns of a template may have at most {MAX_PATTERNS} characters in all")
        parse_pattern(text)


def _refusal(path: str, reason: str) -> InvalidTemplateSchema:
    return InvalidTemplateSchema(f"{path}: {reason}", details={"path": path})


def _nodes(value: Any) -> int:
    """Return the number of values inside ``value`` that may be a schema of their own, or are compared as a
    whole.
    """
    kind = type(value)
    count = int(kind is dict or kind is list or kind is bool)
    parts = value.values() if kind is dict else value if kind is list else ()
    for part in parts:
        inner = type(part)
        if inner is dict or inner is list:
            count += _nodes(part)
        elif inner is bool:
            count += 1
    return count


def _flaw(schema: Any, patterns: _Patterns) -> Flaw | None:
    if not isinstance(schema, dict | bool):
        return Flaw((), "", "is neither an object nor a boolean")
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        return Flaw(("$schema",), "type")
    try:
        draft = draft_of(schema)
    except ValueError:
        return Flaw(("$schema",), "", "is not a URI")
    return draft.flaw(schema, patterns.check)
