"""The documents of managed repositories: read-only for callers, replaced by loading a folder."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pymongo
from pymongo import DeleteMany, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from contracts.plugin import PluginInfo, RepositoryInfo
from contracts.query.keys import TIMES
from worker.domain.managed import managed_key
from worker.domain.scope import MANAGED
from worker.store.client import Document
from worker.store.documents import plugin_document
from worker.store.errors import outage

_RENAME_S = 300

_BESIDE = ("digest", "source", "rank")
"""The fields of a managed document beside its plugin; a change in any of them is written."""


@dataclass(frozen=True, slots=True)
class ManagedPlugin:
    """A plugin of a managed repository.

    ``source``: the name of its file.
    ``times``: the times that the file gives; the store keeps the others.
    """

    plugin: PluginInfo
    source: str
    times: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of a load: documents written, documents removed."""

    written: int
    removed: int


class ManagedPlugins:
    """The managed part of the ``plugins`` collection.

    Raises: ``StoreUnavailable`` when the store is away.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._client = database.client
        self._plugins = database["plugins"]

    def load(
        self,
        repository: RepositoryInfo,
        rank: int,
        plugins: Sequence[ManagedPlugin],
        now: datetime,
        keep: Collection[str] = (),
    ) -> Loaded:
        """Make ``plugins`` the content of ``repository``, all at once or not at all.

        ``rank``: the place of the repository in the lookup order.
        ``keep``: files whose documents stay as they are.

        Unchanged documents are not written, so several processes may load one folder. Only a query that runs
        across the moment of the change can see both states.
        """

        def replace(session: ClientSession) -> Loaded:
            return self._replace(session, repository, rank, plugins, now, frozenset(keep))

        with outage(), self._client.start_session() as session:
            return session.with_transaction(
                replace,
                read_concern=self._plugins.read_concern,
                write_concern=self._plugins.write_concern,
                max_commit_time_ms=10_000,
            )

    def forget(self, configured: Iterable[str]) -> int:
        """Remove the documents of every managed repository that is not ``configured``, and return their
        number.
        """
        gone = {"scope": MANAGED, "plugin.repository_info.repository_id": {"$nin": sorted(configured)}}
        with outage():
            return self._plugins.delete_many(gone).deleted_count

    def rename_local(self, repository: RepositoryInfo) -> int:
        """Store ``repository``, as it is configured now, in every local plugin, and return how many had
        another one.

        This is not a change of the plugin: no revision, no event.
        """
        info = dict(repository)
        query = {"rank": 0, "plugin.repository_info": {"$ne": info}}
        # All plugins are looked at, once at start: more than the seconds of an ordinary command.
        with outage(), pymongo.timeout(_RENAME_S):
            return self._plugins.update_many(query, {"$set": {"plugin.repository_info": info}}).modified_count

    def _replace(
        self,
        session: ClientSession,
        repository: RepositoryInfo,
        rank: int,
        plugins: Sequence[ManagedPlugin],
        now: datetime,
        keep: frozenset[str],
    ) -> Loaded:
        stored = self._stored(session, repository.repository_id)
        wanted = {managed_key(repository.repository_id, m.plugin.plugin_id): m for m in plugins}
        requests: list[Any] = []
        for key, managed in wanted.items():
            document = _document(key, rank, managed, stored.get(key), now)
            if not _is_same(document, stored.get(key)):
                requests.append(ReplaceOne({"_id": key}, document, upsert=True))
        gone = [key for key, d in stored.items() if key not in wanted and d.get("source") not in keep]
        written = len(requests)
        if gone:
            requests.append(DeleteMany({"_id": {"$in": gone}}))
        if requests:
            self._plugins.bulk_write(requests, ordered=True, session=session)
        return Loaded(written, len(gone))

    def _stored(self, session: ClientSession, repository_id: str) -> dict[str, Document]:
        query = {"scope": MANAGED, "plugin.repository_info.repository_id": repository_id}
        fields = [*_BESIDE, *(f"plugin.{name}" for name in ("repository_info", *TIMES))]
        return {d["_id"]: d for d in self._plugins.find(query, fields, session=session)}


def _document(
    key: str, rank: int, managed: ManagedPlugin, stored: Mapping[str, Any] | None, now: datetime
) -> Document:
    """Return a managed plugin as stored: without domain and revision. If the file does not give a time, the
    time is when the plugin was first loaded, or last changed.
    """
    plugin = plugin_document(managed.plugin)
    plugin.pop("domain_id")
    digest = _digest(plugin, managed.times)
    kept = (stored or {}).get("plugin", {})
    is_same = stored is not None and stored.get("digest") == digest
    if "created_at" not in managed.times:
        plugin["created_at"] = kept.get("created_at", now)
    if "updated_at" not in managed.times:
        plugin["updated_at"] = kept.get("updated_at", now) if is_same else now
    return {
        "_id": key,
        "scope": MANAGED,
        "rank": rank,
        "plugin": plugin,
        "source": managed.source,
        "digest": digest,
    }


def _is_same(document: Document, stored: Mapping[str, Any] | None) -> bool:
    """Return whether a document is stored already, with the same content, repository and file."""
    if stored is None or any(document[name] != stored.get(name) for name in _BESIDE):
        return False
    return bool(document["plugin"]["repository_info"] == stored["plugin"].get("repository_info"))


def _digest(plugin: Document, times: frozenset[str]) -> str:
    """Return a digest of a plugin's file: another digest means that the file has changed since it was
    loaded.
    """
    kept = {"repository_info", *TIMES} - times
    said = {name: value for name, value in plugin.items() if name not in kept}
    text = json.dumps(said, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
