"""What operations answer with."""

from typing import Any, Literal

from contracts.plugin import PluginInfo
from contracts.values import Contract, JsonObject

SyncState = Literal["ok", "pending", "unavailable", "auth_failed", "not_found"]


class PluginsInfo(Contract):
    """The answer of list: rows are ``PluginInfo``, or the fields that ``only`` named.

    ``total_count`` counts before paging and is absent with ``no_count``; ``unavailable`` names the remote
    repositories left out of a partial answer.
    """

    results: list[JsonObject] = []
    total_count: int | None = None
    unavailable: list[str] | None = None


class VersionsInfo(Contract):
    """The answer of get_versions: version names, newest first.

    ``synced_at`` is RFC 3339 and absent before the first fetch; ``stale`` says that the list is past its
    refresh time or that the last attempt failed; ``truncated`` that the registry has more names than we keep.
    """

    results: list[str]
    total_count: int
    synced_at: str | None = None
    stale: bool
    truncated: bool
    sync_state: SyncState


class StatInfo(Contract):
    """The answer of stat; ``total_count`` is there when paged."""

    results: list[Any]
    total_count: int | None = None


class ErrorInfo(Contract):
    """An error inside a batch's answer: the class name, the sentence, the stable code, the details."""

    type: str
    message: str
    code: str
    details: JsonObject


class BatchResult(Contract):
    """The outcome of one item of a batch: exactly one of ``result`` and ``error``."""

    id: str
    result: PluginInfo | None = None
    error: ErrorInfo | None = None
