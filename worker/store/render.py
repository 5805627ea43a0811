"""Converts stored documents to JSON: times as text, keys unescaped."""

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from contracts.query.keys import TIMES
from contracts.values import format_time
from worker.store.escape import FREE_FORM, unescape_key


def render_value(value: Any) -> Any:
    """Return a stored value as JSON. A number without a JSON form, such as an infinite sum, is null."""
    if isinstance(value, dict):
        return {unescape_key(key): render_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [render_value(item) for item in value]
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def render_plugin(
    document: Mapping[str, Any], domain_id: str, fields: Collection[str] = (), *, is_escaped: bool = True
) -> dict[str, Any]:
    """Return the ``PluginInfo`` in a document of the ``plugins`` collection, as JSON.

    ``domain_id``: the asking domain, answered for managed plugins too.
    ``fields``: the keys that the document was projected to; empty for all.
    ``is_escaped``: False if it is known that no key is escaped.

    A managed plugin has no ``revision``.
    """
    row = dict(document.get("plugin", {}))
    if is_escaped:
        for name in FREE_FORM:
            if free := row.get(name):
                row[name] = render_value(free)
    for name in TIMES:
        if time := row.get(name):
            row[name] = format_time(time)
    if "revision" in document:
        row["revision"] = document["revision"]
    if not fields or "domain_id" in fields:
        row["domain_id"] = domain_id
    return row
