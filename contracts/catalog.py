"""The operations: one table, the source of tasks, queues, schemas, documentation and the command line."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from contracts import commands, results
from contracts.partition import COMMANDS, QUERIES
from contracts.plugin import PluginInfo


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the Plugin resource.

    ``verb``: the last part of the task name.
    ``queue``: where the command is sent; for writes, the base name of the partitions.
    ``command``, ``result``: the models of the arguments and of the answer.
    ``api_message``, ``api_method``, ``api_path``: the operation in the API text, for a gateway; None if it is
    not there.
    ``api_also``: further pairs of method and path.
    """

    verb: str
    queue: str
    command: type[BaseModel]
    result: type[BaseModel]
    summary: str
    api_message: str | None = None
    api_method: str | None = None
    api_path: str | None = None
    api_also: tuple[tuple[str, str], ...] = ()

    @property
    def task(self) -> str:
        """The name of the Celery task."""
        return f"plugin.{self.verb}"

    @property
    def is_write(self) -> bool:
        """Whether the operation changes plugins."""
        return self.queue == COMMANDS


_ONE = "/repository/v1/plugin/{plugin_id}"
_MANY = "/repository/v1/plugins"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "register",
        COMMANDS,
        commands.RegisterPlugin,
        PluginInfo,
        "Register a plugin in the local repository.",
        "CreatePluginRequest",
        "POST",
        _MANY,
    ),
    Operation(
        "update",
        COMMANDS,
        commands.UpdatePlugin,
        PluginInfo,
        "Replace fields of a plugin.",
        "UpdatePluginRequest",
        "PUT",
        _ONE,
    ),
    Operation(
        "deregister",
        COMMANDS,
        commands.DeregisterPlugin,
        PluginInfo,
        "Remove a plugin.",
        "PluginRequest",
        "DELETE",
        _ONE,
    ),
    Operation(
        "enable",
        COMMANDS,
        commands.EnablePlugin,
        PluginInfo,
        "Make a plugin usable.",
        "PluginRequest",
        "PUT",
        f"{_ONE}/enable",
    ),
    Operation(
        "disable",
        COMMANDS,
        commands.DisablePlugin,
        PluginInfo,
        "Make a plugin unusable.",
        "PluginRequest",
        "PUT",
        f"{_ONE}/disable",
    ),
    Operation(
        "batch",
        COMMANDS,
        commands.PluginBatch,
        results.BatchResult,
        "Apply up to 500 writes in order, each on its own.",
    ),
    Operation(
        "get",
        QUERIES,
        commands.GetPlugin,
        PluginInfo,
        "Show one plugin.",
        "GetRepositoryPluginRequest",
        "GET",
        f"{_MANY}/{{plugin_id}}",
    ),
    Operation(
        "get_versions",
        QUERIES,
        commands.GetPluginVersions,
        results.VersionsInfo,
        "List the versions of a plugin's image, newest first.",
        "RepositoryPluginRequest",
        "GET",
        f"{_MANY}/{{plugin_id}}/versions",
    ),
    Operation(
        "list",
        QUERIES,
        commands.ListPlugins,
        results.PluginsInfo,
        "Find plugins by query.",
        "PluginQuery",
        "POST",
        f"{_MANY}/search",
        (("GET", _MANY),),
    ),
    Operation(
        "stat",
        QUERIES,
        commands.StatPlugins,
        results.StatInfo,
        "Aggregate over plugins.",
        "PluginStatQuery",
        "POST",
        f"{_MANY}/stat",
    ),
)

BY_TASK: dict[str, Operation] = {operation.task: operation for operation in OPERATIONS}
"""The operations by task name."""
WRITES: dict[str, Any] = {o.task: o.command for o in OPERATIONS if o.is_write and o.verb != "batch"}
"""The writes that a batch may hold: task name to command model."""


def task_of(operation: str) -> str:
    """Return the task name of a verb (``register``) or of a task name.

    Raises: ``ValueError`` for any other word.
    """
    task = operation if operation.startswith("plugin.") else f"plugin.{operation}"
    if task not in BY_TASK:
        raise ValueError(f"unknown operation {operation}; there are {', '.join(sorted(BY_TASK))}")
    return task
