"""The public contract of the Plugin repository: commands, results, events and errors.

Importing ``contracts`` needs only pydantic. ``contracts.client`` also needs Celery and redis,
``contracts.subscriber`` also redis.
"""

from contracts.commands import (
    BatchItem,
    DeregisterPlugin,
    DisablePlugin,
    EnablePlugin,
    GetPlugin,
    GetPluginVersions,
    ListPlugins,
    PluginBatch,
    RegisterPlugin,
    StatPlugins,
    UpdatePlugin,
)
from contracts.errors import ContractError, Fault, Refused, Unavailable
from contracts.events import ImageVersionsChanged, PluginChanged
from contracts.plugin import PluginInfo, RepositoryInfo
from contracts.query import Query, StatisticsQuery
from contracts.results import PluginsInfo, StatInfo, VersionsInfo

__all__ = [
    "BatchItem",
    "ContractError",
    "DeregisterPlugin",
    "DisablePlugin",
    "EnablePlugin",
    "Fault",
    "GetPlugin",
    "GetPluginVersions",
    "ImageVersionsChanged",
    "ListPlugins",
    "PluginBatch",
    "PluginChanged",
    "PluginInfo",
    "PluginsInfo",
    "Query",
    "Refused",
    "RegisterPlugin",
    "RepositoryInfo",
    "StatInfo",
    "StatPlugins",
    "StatisticsQuery",
    "Unavailable",
    "UpdatePlugin",
    "VersionsInfo",
]
