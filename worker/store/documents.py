"""Converts a plugin's record to its document, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts.plugin import PluginInfo, RepositoryInfo
from worker.domain.events import Pending
from worker.domain.plugin import trusted_plugin
from worker.domain.record import MAX_APPLIED, NoEffect, Record, ids_added
from worker.store.client import Document
from worker.store.escape import FREE_FORM, escape, unescape


def plugin_document(plugin: PluginInfo) -> Document:
    """Return a plugin as stored: without ``revision`` and unset fields, keys escaped, times as dates."""
    # pydantic's own iteration takes longer than all the rest.
    return {
        name: _stored(name, value)
        for name, value in plugin.__dict__.items()
        if value is not None and name != "revision"
    }


def _stored(name: str, value: Any) -> Any:
    if name in FREE_FORM:
        return escape(value)
    return value.__dict__.copy() if name == "repository_info" else value


def plugin_of(
    document: Mapping[str, Any], revision: int, repository: RepositoryInfo | None = None
) -> PluginInfo:
    """Return the plugin in a stored ``plugin`` or ``last``, at ``revision``. It was validated before it was
    stored.

    ``repository``: answered in place of the stored one.
    """
    fields: Document = {**document, "revision": revision}
    for name in FREE_FORM:
        if value := fields.get(name):
            fields[name] = unescape(value)
    fields["repository_info"] = repository or RepositoryInfo.model_construct(**fields["repository_info"])
    return trusted_plugin(fields)


def record_of(document: Mapping[str, Any], repository: RepositoryInfo | None = None) -> Record:
    """Return the record in a document of the ``plugins`` collection."""
    revision = document["revision"]
    plugin, last, no_effect = document.get("plugin"), document.get("last"), document.get("no_effect")
    return Record(
        key=document["_id"],
        plugin=plugin_of(plugin, revision, repository) if plugin else None,
        # A deregistration is a revision of its own; the plugin "as it last was" is the one before.
        last=plugin_of(last, revision - 1, repository) if last else None,
        revision=revision,
        fence=document.get("fence", 0),
        applied=tuple(document.get("applied", ())),
        outbox=pending_of(document),
        no_effect=tuple([_no_effect(entry) for entry in no_effect]) if no_effect else (),
        digests=document.get("applied_digests", b""),
    )


def _no_effect(entry: Mapping[str, str]) -> NoEffect:
    return NoEffect(entry["id"], entry.get("digest", ""), entry["code"])


def pending_of(document: Mapping[str, Any]) -> tuple[Pending, ...]:
    """Return the events in a document's outbox."""
    return tuple([Pending(**entry) for entry in document.get("outbox", ())])


def outbox_document(outbox: tuple[Pending, ...]) -> list[Document]:
    """Return an outbox as stored, without unset fields."""
    return [
        {
            "revision": entry.revision,
            "time": entry.time,
            "data": entry.data,
            **({"gap": True} if entry.gap else {}),
            **({"traceparent": entry.traceparent} if entry.traceparent else {}),
        }
        for entry in outbox
    ]


def fence_guard(fence: int, epoch: int) -> Any:
    """Return what the fence of a document must be for a write under ``epoch``.

    ``fence``: the one that was read. Above ``epoch``, it counted as none (see ``Lease.raise_epoch``): it must
    be the very same still, so that whoever has overwritten it meanwhile keeps this write away.
    """
    return fence if fence > epoch else {"$lte": epoch}


def guarded_update(before: Record, after: Record, epoch: int, now: datetime) -> tuple[Document, Document]:
    """Return ``(filter, update)`` of the one write that takes a record from ``before`` to ``after``.

    It misses if the revision has changed, or if a higher epoch has written: see ``fence_guard``.
    ``pending_at`` is the time of the oldest unpublished event, for the sweep. Of a plugin that stays, only
    what differs is written.
    """
    query: Document = {
        "_id": before.key,
        "revision": before.revision,
        "fence": fence_guard(before.fence, epoch),
    }
    changes: Document = {"revision": after.revision, "fence": epoch, "outbox": outbox_document(after.outbox)}
    removed: Document = {}
    if after.digests:
        # Beside the ids: workers of 0.1.0 read those alone. Whole: a list to push to would cost MongoDB more.
        changes["applied_digests"] = after.digests
    if after.no_effect:
        changes["no_effect"] = [entry._asdict() for entry in after.no_effect]
    else:
        removed["no_effect"] = ""
    if before.plugin and after.plugin:
        _change_fields(before.plugin, after.plugin, changes, removed)
    elif after.plugin:
        changes |= {"plugin": plugin_document(after.plugin), "scope": after.plugin.domain_id, "rank": 0}
        removed["last"] = ""
    elif after.last:
        changes["last"] = plugin_document(after.last)
        removed |= {"plugin": "", "scope": "", "rank": ""}
    update: Document = {
        "$set": changes,
        "$unset": removed,
        "$min": {"pending_at": now},
        "$push": {"applied": {"$each": ids_added(before.applied, after.applied), "$slice": -MAX_APPLIED}},
    }
    return query, update


def _change_fields(before: PluginInfo, after: PluginInfo, changes: Document, removed: Document) -> None:
    known = before.__dict__
    # A field that no command named is the same object.
    for name, value in after.__dict__.items():
        if value is known[name] or name == "revision":
            continue
        if value is None:
            removed[f"plugin.{name}"] = ""
        else:
            changes[f"plugin.{name}"] = _stored(name, value)
    # The stored one may have an older name.
    changes["plugin.repository_info"] = _stored("repository_info", after.repository_info)
