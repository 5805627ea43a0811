"""One model an operation: what a caller sends as keyword arguments.

The field names are those of the API text's messages; ``domain_id`` comes from the login there. Every write
has a ``plugin_id``; every write but register may carry ``expected_revision``.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from contracts.plugin import RegistryType, State, plugin_id_of
from contracts.query import Query, StatisticsQuery
from contracts.query.keys import Key
from contracts.values import Contract, Image, JsonObject, Label, Name, RegistryConfig

MAX_BATCH = 500
"""Writes in one batch."""

MAX_BATCH_PER_PLUGIN = 50
"""Writes to one plugin in one batch."""


class Command(Contract):
    """What every operation has: the domain that asks."""

    clearable: ClassVar[frozenset[str]] = frozenset()
    """Fields in which an empty string has a meaning; anywhere else it counts as not given."""

    domain_id: Name


class RegisterPlugin(Command):
    """Creates a plugin in the local repository, ``ENABLED``."""

    name: Name
    service_type: Name
    image: Image
    registry_type: RegistryType = "DOCKER_HUB"
    registry_url: Annotated[str, StringConstraints(max_length=255)] | None = None
    registry_config: RegistryConfig = Field(default_factory=dict)
    provider: Name | None = None
    capability: JsonObject = Field(default_factory=dict)
    template: JsonObject = Field(default_factory=dict)
    labels: list[Label] = Field(default_factory=list)
    tags: JsonObject = Field(default_factory=dict)

    @property
    def plugin_id(self) -> str:
        return plugin_id_of(self.image)


class _Change(Command):
    plugin_id: Name
    expected_revision: Annotated[int, Field(ge=0)] | None = None


class UpdatePlugin(_Change):
    """Replaces whole fields; what is absent is kept, ``{}`` clears, ``provider: ""`` clears the provider."""

    clearable = frozenset({"provider"})

    name: Name | None = None
    capability: JsonObject | None = None
    template: JsonObject | None = None
    labels: list[Label] | None = None
    tags: JsonObject | None = None
    provider: Annotated[str, StringConstraints(max_length=255)] | None = None


class DeregisterPlugin(_Change):
    """Removes a plugin; a tombstone keeps its revision."""


class EnablePlugin(_Change):
    """Sets the state to ``ENABLED``."""


class DisablePlugin(_Change):
    """Sets the state to ``DISABLED``."""


class BatchItem(Contract):
    """One write of a batch: ``operation`` is a task name, ``params`` its keyword arguments, ``id`` its
    command id.
    """

    id: str
    operation: str
    params: dict[str, Any]


class PluginBatch(Contract):
    """1 to 500 writes, at most 50 for one plugin, applied in order, each on its own."""

    clearable: ClassVar[frozenset[str]] = frozenset()

    commands: Annotated[list[BatchItem], Field(min_length=1, max_length=MAX_BATCH)]


class GetPlugin(Command):
    """One plugin: from the local repository first, then managed, then remote; or from ``repository_id``."""

    plugin_id: Name
    repository_id: Name | None = None
    only: Annotated[list[Key], Field(max_length=100)] | None = None


class GetPluginVersions(Command):
    """The versions of a plugin's image, newest first."""

    plugin_id: Name
    repository_id: Name | None = None


class ListPlugins(Command):
    """Plugins by query and by the shortcuts; a list in a shortcut means any of its values."""

    query: Query | None = None
    partial: bool = False
    plugin_id: Name | list[Name] | None = None
    name: Name | list[Name] | None = None
    state: State | list[State] | None = None
    service_type: Name | list[Name] | None = None
    provider: Name | list[Name] | None = None
    registry_type: RegistryType | list[RegistryType] | None = None
    repository_id: Name | list[Name] | None = None

    @property
    def shortcuts(self) -> dict[str, str | list[str]]:
        """The shortcuts that were given."""
        given = {name: getattr(self, name) for name in SHORTCUTS}
        return {name: value for name, value in given.items() if value is not None}


SHORTCUTS = ("plugin_id", "name", "state", "service_type", "provider", "registry_type", "repository_id")


class StatPlugins(Command):
    """Statistics over plugins: an aggregation or the distinct values of a field."""

    query: StatisticsQuery
    repository_id: Name | None = None


Change = UpdatePlugin | DeregisterPlugin | EnablePlugin | DisablePlugin
Write = RegisterPlugin | Change
Read = GetPlugin | GetPluginVersions | ListPlugins | StatPlugins
