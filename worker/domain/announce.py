"""The data of ``PluginChanged``, as JSON text."""

import json

from contracts.plugin import PluginInfo
from worker.domain.plugin import Changed


def plugin_changed(changed: Changed, command_id: str) -> str:
    """The data of the event of a change."""
    return _data(changed.change, changed.plugin, changed.revision, changed.changed_fields, command_id)


def plugin_resynced(plugin: PluginInfo | None, last: PluginInfo | None, revision: int) -> str:
    """The data of the event in place of lost ones: ``resynced``, or ``deregistered`` for a tombstone."""
    shown = plugin or last
    if shown is None:
        raise ValueError("a record without a plugin has nothing to announce")
    return _data("resynced" if plugin else "deregistered", shown, revision, (), None)


def _data(
    change: str, plugin: PluginInfo, revision: int, changed_fields: tuple[str, ...], command_id: str | None
) -> str:
    rest = {"revision": revision, "changed_fields": changed_fields, "command_id": command_id}
    # pydantic writes the plugin, the bulk of it, many times faster than the json module would.
    tail = json.dumps(rest, separators=(",", ":"))[1:]
    return f'{{"change":"{change}","plugin":{plugin.model_dump_json(exclude_none=True)},{tail}'
