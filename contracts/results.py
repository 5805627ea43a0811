"""The answers of operations."""

from typing import Annotated, Any, Literal

from contracts.plugin import PluginInfo
from contracts.values import Contract, FirstWrong, JsonObject

SyncState = Literal["ok", "pending", "unavailable", "auth_failed", "not_found"]


class PluginsInfo(Contract):
    """The answer of list: rows of ``PluginInfo``, or of the fields that ``only`` names.

    ``total_count`` counts before paging and is absent with ``no_count``. ``unavailable`` names the remote
    repositories that a partial answer leaves out.
    """

    results: list[JsonObject] = []
    total_count: int | None = None
    unavailable: list[str] | None = None


class VersionsInfo(Contract):
    """The answer of get_versions: version names, newest first.

    ``synced_at`` is RFC 3339 and absent before the first fetch. ``stale``: the list is past its refresh time,
    or the last attempt failed. ``truncated``: the registry has more names than are kept.
    """

    results: Annotated[list[str], FirstWrong()]
    total_count: int
    synced_at: str | None = None
    stale: bool
    truncated: bool
    sync_state: SyncState


class StatInfo(Contract):
    """The answer of stat; ``total_count`` is set if the query has a page."""

    results: list[Any]
    total_count: int | None = None


class ErrorInfo(Contract):
    """An error inside the answer of a batch: the class name, the sentence, the stable code, the details."""

    type: str
    message: str
    code: str
    details: JsonObject


class BatchResult(Contract):
    """The outcome of one item of a batch: exactly one of ``result`` and ``error``."""

    id: str
    result: PluginInfo | None = None
    error: ErrorInfo | None = None
