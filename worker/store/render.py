"""Stored documents as JSON: times as text, keys as the caller gave them."""

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from contracts.query.keys import TIMES
from contracts.values import format_time
from worker.store.escape import FREE_FORM, unescape_key


def render_value(value: Any) -> Any:
    """A stored value as JSON. A number that JSON has no form for, such as a sum past all bounds, is null."""
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
    """The ``PluginInfo`` of a document of the ``plugins`` collection, as JSON.

    ``domain_id`` is the asking domain, answered for managed plugins as well. ``fields``: the keys that the
    document was projected to, empty for all. ``is_escaped``: False if it is known that no key is. A managed
    plugin has no ``revision``.
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
