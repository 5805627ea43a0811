"""The effect of a write on a plugin: a pure decision."""

from dataclasses import dataclass
from datetime import datetime
from functools import singledispatch
from typing import Any

from contracts.commands import (
    Change,
    DeregisterPlugin,
    DisablePlugin,
    EnablePlugin,
    RegisterPlugin,
    UpdatePlugin,
    Write,
)
from contracts.errors import (
    InvalidImage,
    InvalidParameter,
    PluginAlreadyExists,
    PluginNotFound,
    RevisionConflict,
)
from contracts.events import PluginChange
from contracts.plugin import PluginInfo, State
from contracts.values import MAX_NAME_LENGTH, MAX_PLUGIN_BYTES
from worker.domain.policy import Policy
from worker.domain.registry.image_name import repository_in
from worker.domain.same import same
from worker.domain.template import check_template

_DEFAULTS: Any = {
    name: None if field.is_required() else field.get_default(call_default_factory=True)
    for name, field in PluginInfo.model_fields.items()
}
_BLANK = PluginInfo.model_construct(**_DEFAULTS)

_UPDATABLE = ("name", "capability", "template", "labels", "tags", "provider")


@dataclass(frozen=True, slots=True)
class Changed:
    """The plugin after the change, at its new revision; for ``deregistered``, as it last was.

    ``text``: the plugin as JSON, made once: for the event and for the answer.
    """

    change: PluginChange
    plugin: PluginInfo
    revision: int
    text: str
    changed_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The plugin already is as the command asks: no event, no new revision."""

    plugin: PluginInfo


Decision = Changed | Unchanged


def decide(
    plugin: PluginInfo | None, revision: int, command: Write, now: datetime, policy: Policy
) -> Decision:
    """Return the effect of ``command`` on a plugin.

    ``plugin``: None if there is none. ``revision``: 0 before the first change. A tombstone is not a plugin,
    but it has a revision, which a new registration continues.

    Raises: the refusal.
    """
    if isinstance(command, RegisterPlugin):
        return _register(plugin, revision, command, now, policy)
    if plugin is None:
        raise not_found(command.domain_id, command.plugin_id)
    if command.expected_revision is not None and command.expected_revision != revision:
        raise RevisionConflict(
            f"{command.plugin_id} is at revision {revision}, not {command.expected_revision}",
            details={"revision": revision},
        )
    return _change(command, plugin, revision, now)


def not_found(domain_id: str, plugin_id: str) -> PluginNotFound:
    """Return the refusal for a plugin that does not exist."""
    return PluginNotFound(
        f'plugin "{plugin_id}" does not exist in {domain_id}', details={"plugin_id": plugin_id}
    )


def _register(
    plugin: PluginInfo | None, revision: int, command: RegisterPlugin, now: datetime, policy: Policy
) -> Changed:
    _check_length("the last part of image, the plugin_id,", command.plugin_id, MAX_NAME_LENGTH)
    registry_url = policy.registry(command.registry_type, command.registry_url)
    image = repository_in(command.image, command.registry_type, registry_url, command.registry_url)
    _check_length("image", image, policy.image_max_length)
    _check_credential(command, registry_url, policy)
    check_template(command.template)
    if plugin is not None:
        raise PluginAlreadyExists(
            f'plugin "{command.plugin_id}" already exists in {command.domain_id}',
            details={"plugin_id": command.plugin_id},
        )
    registered = trusted_plugin(
        {
            "plugin_id": command.plugin_id,
            "name": command.name,
            "image": image,
            "registry_type": command.registry_type,
            "registry_url": registry_url,
            "registry_config": command.registry_config,
            "state": "ENABLED",
            "service_type": command.service_type,
            "provider": command.provider,
            "capability": command.capability,
            "template": command.template,
            "labels": command.labels,
            "tags": command.tags,
            "repository_info": policy.repository,
            "domain_id": command.domain_id,
            "revision": revision + 1,
            "created_at": now,
            "updated_at": now,
        }
    )
    return Changed("registered", registered, revision + 1, _checked_text(registered))


def _check_length(what: str, text: str, allowed: int) -> None:
    if len(text) > allowed:
        raise InvalidImage(
            f"{what} has {len(text)} characters; {allowed} are allowed",
            details={"path": "image", "spaceone_code": "ERROR_INVALID_IMAGE_LENGTH"},
        )


def _check_credential(command: RegisterPlugin, registry_url: str, policy: Policy) -> None:
    name = command.registry_config.get("credential")
    if name is None:
        return
    path = {"path": "registry_config.credential"}
    if not isinstance(name, str):
        raise InvalidParameter("registry_config.credential must be the name of a credential", details=path)
    if not policy.credential(name, command.domain_id, registry_url.partition("/")[0]):
        # The same words for a credential that is not there and one of another tenant.
        raise InvalidParameter(
            "registry_config.credential is not a credential that may be used here", details=path
        )


@singledispatch
def _change(command: Change, plugin: PluginInfo, revision: int, now: datetime) -> Decision:
    raise TypeError(f"no rule for {type(command).__name__}")


@_change.register
def _(command: UpdatePlugin, plugin: PluginInfo, revision: int, now: datetime) -> Decision:
    given = {name: value for name in _UPDATABLE if (value := getattr(command, name)) is not None}
    if command.provider == "":
        given["provider"] = None
    if command.template is not None:
        check_template(command.template)
    changed = {name: value for name, value in given.items() if not same(value, getattr(plugin, name))}
    if not changed:
        return Unchanged(plugin)
    return _changed("updated", plugin, changed, revision, now)


@_change.register
def _(command: EnablePlugin, plugin: PluginInfo, revision: int, now: datetime) -> Decision:
    return _set_state("enabled", "ENABLED", plugin, revision, now)


@_change.register
def _(command: DisablePlugin, plugin: PluginInfo, revision: int, now: datetime) -> Decision:
    return _set_state("disabled", "DISABLED", plugin, revision, now)


@_change.register
def _(command: DeregisterPlugin, plugin: PluginInfo, revision: int, now: datetime) -> Decision:
    return Changed("deregistered", plugin, revision + 1, plugin_text(plugin))


def _set_state(
    change: PluginChange, state: State, plugin: PluginInfo, revision: int, now: datetime
) -> Decision:
    if plugin.state == state:
        return Unchanged(plugin)
    return _changed(change, plugin, {"state": state}, revision, now)


def _changed(
    change: PluginChange, plugin: PluginInfo, fields: dict[str, Any], revision: int, now: datetime
) -> Changed:
    # A clock that was set back must not make a plugin older than it was.
    moved = {"updated_at": max(now, plugin.updated_at), "revision": revision + 1}
    after = plugin.model_copy(update=fields | moved)
    text = _checked_text(after) if change == "updated" else plugin_text(after)
    return Changed(change, after, revision + 1, text, tuple(sorted(fields)))


def trusted_plugin(fields: dict[str, Any]) -> PluginInfo:
    """Return the plugin of fields that were validated before; unknown ones are left out.

    ``fields``: with every field that has no default.
    """
    if not fields.keys() <= _DEFAULTS.keys():
        fields = {name: value for name, value in fields.items() if name in _DEFAULTS}
    # Half the cost of model_construct, and the same order of fields.
    return _BLANK.model_copy(update=fields)


def plugin_text(plugin: PluginInfo) -> str:
    """Return a plugin as JSON, without unset fields."""
    return plugin.model_dump_json(exclude_none=True)


def _checked_text(plugin: PluginInfo) -> str:
    text = plugin_text(plugin)
    size = len(text.encode())
    if size > MAX_PLUGIN_BYTES:
        raise InvalidParameter(
            f"the plugin would have {size} bytes; {MAX_PLUGIN_BYTES} are allowed", details={"path": "plugin"}
        )
    return text
