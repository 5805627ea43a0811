"""Lifting a subject's revision above the one that its events have reached, after the store was restored.

Each is one guarded write, as any other change: it misses when the document has moved on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from contracts.events import IMAGE_VERSIONS_CHANGED, PLUGIN_CHANGED
from worker.domain.announce_versions import shown_of, versions_changed
from worker.domain.event import Subject
from worker.domain.image import ImageRef
from worker.domain.record import Record
from worker.domain.refresh import Change
from worker.domain.schedule import Intervals
from worker.store.client import Document
from worker.store.documents import outbox_document, pending_of
from worker.store.image_documents import image_of, new_document
from worker.store.images import Images
from worker.store.outage import outage
from worker.store.plugins import Plugins, Step


@dataclass(frozen=True, slots=True)
class History:
    """What the store has of a subject: its revision, the digests of its unpublished events by revision."""

    revision: int
    digests: Mapping[int, str]


class PluginLift:
    """Lifts plugins. Raises ``StoreUnavailable`` when the store is away."""

    event_type = PLUGIN_CHANGED
    needs_last_event = False

    def __init__(self, database: Database[Document], plugins: Plugins) -> None:
        self._collection = database["plugins"]
        self._plugins = plugins

    def histories(self, names: Iterable[str]) -> dict[str, History]:
        """The histories of those of ``names`` that the store knows."""
        return _histories(self._collection, names)

    def lift(self, name: str, above: int, now: datetime) -> int | None:
        """Give a plugin a revision above ``above``, and one event with its present state in place of what was
        unpublished; the revision, or None when it has to be looked at again.
        """
        record = self._plugins.read(name)
        if record.shown is None:
            return above if self.hold(name, above, None, now) else None
        after = _lifted(record, max(above, record.revision) + 1)
        after = replace(after, outbox=(after.subject(now).present(),))
        # The fence stays: whoever owns the partition goes on with the lifted record.
        return after.revision if self._plugins.write(Step(record, after, record.fence), now) else None

    def hold(self, name: str, revision: int, told: Mapping[str, Any] | None, now: datetime) -> bool:
        """Keep a placeholder at ``revision`` for a plugin that the store does not have, so that registering
        it continues above; False when it has to be looked at again.
        """
        unused = {
            "plugin": {"$exists": False},
            "last": {"$exists": False},
            "revision": {"$not": {"$gte": revision}},
        }
        return _hold(self._collection, {"_id": name, **unused}, revision, {"fence": 0})

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        """The subjects of these names."""
        return self._plugins.load(names, now)

    def clear(self, published: dict[str, int]) -> None:
        """Empty the outboxes of what is published."""
        self._plugins.clear(published)


class ImageLift:
    """Lifts images. Raises ``StoreUnavailable`` when the store is away."""

    event_type = IMAGE_VERSIONS_CHANGED
    needs_last_event = True

    def __init__(self, database: Database[Document], intervals: Intervals | None = None) -> None:
        self._collection = database["images"]
        self._images = Images(database, intervals)

    def histories(self, names: Iterable[str]) -> dict[str, History]:
        """The histories of those of ``names`` that the store knows."""
        return _histories(self._collection, names)

    def lift(self, name: str, above: int, now: datetime) -> int | None:
        """As for plugins; the event has neither added nor removed versions."""
        with outage():
            document = self._collection.find_one({"_id": name, "revision": {"$gt": 0}})
        if document is None:
            return None
        before = image_of(document)
        after = replace(before, revision=max(above, before.revision) + 1)
        users = self._images.users(before.ref)
        event = versions_changed(after, Change(), shown_of(after), users, now, gap=True)
        changes = {"revision": after.revision, "outbox": outbox_document((event,))}
        update = {"$set": changes, "$min": {"pending_at": now}}
        with outage():
            result = self._collection.update_one({"_id": name, "revision": before.revision}, update)
        return after.revision if result.matched_count else None

    def hold(self, name: str, revision: int, told: Mapping[str, Any] | None, now: datetime) -> bool:
        """As for plugins; ``told`` is the data of its last event, which says where the image is. It is not
        followed before a plugin uses it.
        """
        document = _placeholder(name, told, now) if told else None
        return _hold(self._collection, {"_id": name, "revision": 0}, revision, document)

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        """The subjects of these names."""
        return self._images.load(names, now)

    def clear(self, published: dict[str, int]) -> None:
        """Empty the outboxes of what is published."""
        self._images.clear(published)


def _histories(collection: Collection[Document], names: Iterable[str]) -> dict[str, History]:
    with outage():
        return {
            d["_id"]: History(
                d.get("revision", 0), {e.revision: e.digest for e in pending_of(d) if not e.gap}
            )
            for d in collection.find({"_id": {"$in": list(names)}}, {"revision": 1, "outbox": 1})
        }


def _lifted(record: Record, revision: int) -> Record:
    plugin = record.plugin.model_copy(update={"revision": revision}) if record.plugin else None
    last = record.last.model_copy(update={"revision": revision - 1}) if record.last else None
    return replace(record, plugin=plugin, last=last, revision=revision)


def _placeholder(name: str, told: Mapping[str, Any], now: datetime) -> Document | None:
    try:
        ref = ImageRef(
            told["registry_type"], told["registry_url"], told["image"], name.partition("#")[2] or None
        )
    except KeyError:
        return None
    if ref.key != name:
        return None
    document = new_document(ref, now, now, priority=False)
    del document["next_refresh_at"], document["revision"]
    return document


def _hold(collection: Collection[Document], query: Document, revision: int, new: Document | None) -> bool:
    """Set the revision of a document that is a placeholder; with ``new``, insert it where there is none."""
    update: Document = {"$set": {"revision": revision}}
    if new is not None:
        update["$setOnInsert"] = new
    with outage():
        try:
            result = collection.update_one(query, update, upsert=new is not None)
        except DuplicateKeyError:
            return False
    return result.matched_count == 1 or result.upserted_id is not None
