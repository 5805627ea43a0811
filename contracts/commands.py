"""One model for each operation: the keyword arguments that a caller sends.

The field names are those of the messages of the API text, where ``domain_id`` comes from the login. Every
write has a ``plugin_id``; every write but register may have an ``expected_revision``.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from contracts.plugin import RegistryType, State, plugin_id_of
from contracts.query import Query, StatisticsQuery
from contracts.query.keys import FieldKey
from contracts.query.listing import MAX_ONLY
from contracts.values import Contract, FirstWrong, JsonObject, Labels, Name, NamedImage, Names, RegistryConfig

MAX_BATCH = 500
"""The largest number of writes in one batch."""

MAX_BATCH_PER_PLUGIN = 50
"""The largest number of writes for one plugin in one batch."""

PluginId = Annotated[Name, Field(description="The plugin.")]
RepositoryId = Annotated[Name | None, Field(description="Look into this repository only.")]


class Command(Contract):
    """The fields of every operation: the domain that asks."""

    clearable: ClassVar[frozenset[str]] = frozenset()
    """The fields in which an empty string has a meaning; in any other field it counts as not given."""

    domain_id: Annotated[Name, Field(description="The domain that asks.")]


class RegisterPlugin(Command):
    """Creates a plugin in the local repository, in state ``ENABLED``."""

    name: Annotated[Name, Field(description="What a person calls it.")]
    service_type: Annotated[Name, Field(description="What it serves, such as notification.Protocol.")]
    image: Annotated[
        NamedImage,
        Field(
            description="OCI repository name, no tag; its last part becomes the plugin_id. "
            "The registry's own host in front of it is dropped."
        ),
    ]
    registry_type: Annotated[RegistryType, Field(description="The kind of registry.")] = "DOCKER_HUB"
    registry_url: Annotated[
        Annotated[str, StringConstraints(max_length=255)] | None,
        Field(description="host[:port] of the registry; needed unless it is DOCKER_HUB."),
    ] = None
    registry_config: Annotated[
        RegistryConfig, Field(description="Such as the name of a credential, never a secret.")
    ] = Field(default_factory=dict)
    provider: Annotated[Name | None, Field(description="Whose service it connects to.")] = None
    capability: Annotated[JsonObject, Field(description="What it can do.")] = Field(default_factory=dict)
    template: Annotated[JsonObject, Field(description="Forms; each schema in it is a JSON Schema.")] = Field(
        default_factory=dict
    )
    labels: Annotated[Labels, Field(description="Words to find it by.")] = Field(default_factory=list)
    tags: Annotated[JsonObject, Field(description="Whatever else belongs to it.")] = Field(
        default_factory=dict
    )

    @property
    def plugin_id(self) -> str:
        """The id that the plugin gets."""
        return plugin_id_of(self.image)


class _Change(Command):
    plugin_id: PluginId
    expected_revision: Annotated[
        Annotated[int, Field(ge=0)] | None,
        Field(description="Refused with REVISION_CONFLICT unless the plugin is at this revision."),
    ] = None


class UpdatePlugin(_Change):
    """Replaces whole fields. An absent field is kept, ``{}`` clears, ``provider: ""`` clears the provider."""

    clearable = frozenset({"provider"})

    name: Annotated[Name | None, Field(description="The new name.")] = None
    capability: Annotated[JsonObject | None, Field(description="Replaces the whole; {} clears.")] = None
    template: Annotated[JsonObject | None, Field(description="Replaces the whole; {} clears.")] = None
    labels: Annotated[Labels | None, Field(description="Replaces the whole; [] clears.")] = None
    tags: Annotated[JsonObject | None, Field(description="Replaces the whole; {} clears.")] = None
    provider: Annotated[
        Annotated[str, StringConstraints(max_length=255)] | None,
        Field(description="The new provider; an empty string clears."),
    ] = None


class DeregisterPlugin(_Change):
    """Removes a plugin. A tombstone keeps its revision."""


class EnablePlugin(_Change):
    """Sets the state to ``ENABLED``."""


class DisablePlugin(_Change):
    """Sets the state to ``DISABLED``."""


class BatchItem(Contract):
    """One write of a batch: ``operation`` is a task name, ``params`` its keyword arguments, ``id`` its
    command id.
    """

    id: Annotated[str, Field(description="The command id, unique in the batch.")]
    operation: Annotated[str, Field(description="The task name, such as plugin.update.")]
    params: Annotated[dict[Any, Any], Field(description="The keyword arguments of that task.")]


class PluginBatch(Contract):
    """1 to 500 writes, at most 50 for one plugin, applied in order. Each one succeeds or fails by itself."""

    clearable: ClassVar[frozenset[str]] = frozenset()
    is_frame: ClassVar[bool] = True
    """The ``params`` of each item are checked by themselves: a wrong item fails alone."""

    commands: Annotated[list[BatchItem], Field(min_length=1, max_length=MAX_BATCH)]


class GetPlugin(Command):
    """One plugin: from the local repository first, then managed, then remote; or from ``repository_id``."""

    plugin_id: PluginId
    repository_id: RepositoryId = None
    only: Annotated[
        Annotated[list[FieldKey], Field(max_length=MAX_ONLY)] | None,
        Field(description="Answer these fields and plugin_id only."),
    ] = None


class GetPluginVersions(Command):
    """The versions of a plugin's image, newest first."""

    plugin_id: PluginId
    repository_id: RepositoryId = None


class ListPlugins(Command):
    """Plugins by query and by shortcuts; a list in a shortcut means any of its values."""

    query: Annotated[Query | None, Field(description="Filters, order, page and fields.")] = None
    partial: Annotated[
        bool, Field(description="Leave out remote repositories that do not answer, and say so.")
    ] = False
    plugin_id: Annotated[Name | Names | None, Field(description="Any of these ids.")] = None
    name: Annotated[Name | Names | None, Field(description="Any of these names.")] = None
    state: Annotated[
        State | Annotated[list[State], FirstWrong()] | None,
        Field(description="Any of these states."),
    ] = None
    service_type: Annotated[Name | Names | None, Field(description="Any of these types.")] = None
    provider: Annotated[Name | Names | None, Field(description="Any of these providers.")] = None
    registry_type: Annotated[
        RegistryType | Annotated[list[RegistryType], FirstWrong()] | None,
        Field(description="Any of these kinds of registry."),
    ] = None
    repository_id: Annotated[Name | Names | None, Field(description="Look into these repositories only.")] = (
        None
    )

    @property
    def shortcuts(self) -> dict[str, str | list[str]]:
        """The shortcuts that are given."""
        given = {name: getattr(self, name) for name in SHORTCUTS}
        return {name: value for name, value in given.items() if value is not None}


SHORTCUTS = ("plugin_id", "name", "state", "service_type", "provider", "registry_type", "repository_id")
"""The fields of ``ListPlugins`` that select plugins by equality."""


class StatPlugins(Command):
    """Statistics over plugins: an aggregation or the distinct values of a field."""

    query: Annotated[
        StatisticsQuery, Field(description="An aggregation, or a field for its distinct values.")
    ]
    repository_id: RepositoryId = None


Change = UpdatePlugin | DeregisterPlugin | EnablePlugin | DisablePlugin
Write = RegisterPlugin | Change
Read = GetPlugin | GetPluginVersions | ListPlugins | StatPlugins
