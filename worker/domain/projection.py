"""Cuts the fields that a caller asked for out of a row, as MongoDB's projection does."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.query.keys import split_key


def project(row: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return exactly ``keys`` (dotted) and ``plugin_id`` of a ``PluginInfo`` row; the whole row for no keys.

    A key leads through objects, and through the objects in lists; a key without a value is absent.
    """
    if not keys:
        return dict(row)
    kept: dict[str, Any] = _cut(row, [split_key(key) for key in (*keys, "plugin_id")])
    return kept


def _cut(value: Any, paths: Sequence[tuple[str, ...]]) -> Any:
    if () in paths:
        return value
    if isinstance(value, list):
        return [_cut(item, paths) for item in value if isinstance(item, Mapping | list)]
    kept: dict[str, Any] = {}
    for name, item in value.items():
        below = [path[1:] for path in paths if path[0] == name]
        if () in below or (below and isinstance(item, Mapping | list)):
            kept[name] = _cut(item, below)
    return kept
