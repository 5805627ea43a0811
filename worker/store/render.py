"""Stored documents as JSON: times as text, keys as the caller gave them."""

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from contracts.values import format_time
from worker.store.escape import unescape_key


def render_value(value: Any) -> Any:
    """A stored value as JSON. A number that JSON has no form for, such as a sum past all bounds, is null."""
    match value:
        case str() | bool() | None:
            return value
        case Mapping():
            return {unescape_key(key): render_value(item) for key, item in value.items()}
        case list():
            return [render_value(item) for item in value]
        case datetime():
            return format_time(value)
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def render_plugin(
    document: Mapping[str, Any], domain_id: str, fields: Collection[str] = ()
) -> dict[str, Any]:
    """The ``PluginInfo`` of a document of the ``plugins`` collection, as JSON.

    ``domain_id`` is the asking domain, answered for managed plugins as well. ``fields``: the keys that the
    document was projected to, empty for all. A managed plugin has no ``revision``.
    """
    row: dict[str, Any] = render_value(document.get("plugin", {}))
    if "revision" in document:
        row["revision"] = document["revision"]
    if not fields or "domain_id" in fields:
        row["domain_id"] = domain_id
    return row
