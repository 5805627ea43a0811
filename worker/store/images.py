"""The images: one document each, changed by guarded writes under the lease of whoever reads the registry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from contracts.events import IMAGE_VERSIONS_CHANGED
from worker.domain.announce_versions import (
    NAMES_TOLD,
    Users,
    image_subject,
    shown_of,
    versions_changed,
)
from worker.domain.event import Subject
from worker.domain.image import Image, ImageRef
from worker.domain.refresh import Change, Decision
from worker.domain.schedule import Intervals, first_due
from worker.domain.scope import MANAGED, NOBODY
from worker.store.client import Document
from worker.store.documents import outbox_document
from worker.store.errors import outage
from worker.store.image_documents import image_of, image_update, new_document, placeholder
from worker.store.outboxes import Outboxes

LOOK_S = 60.0
"""How often, at most, looking at an image makes it due before its time."""


class Images(Outboxes):
    """The ``images`` collection. Raises ``StoreUnavailable`` when the store is away."""

    event_type = IMAGE_VERSIONS_CHANGED
    needs_last_event = True

    def __init__(self, database: Database[Document], intervals: Intervals | None = None) -> None:
        super().__init__(database["images"])
        self._images = database["images"]
        self._plugins = database["plugins"]
        self._intervals = intervals or Intervals()

    def ensure(self, ref: ImageRef, now: datetime, *, at_once: bool = True) -> bool:
        """Have ``ref`` followed; True if it was not known before.

        ``at_once``: somebody waits for it, so it is due now and before others. Otherwise, as for many at a
        time, a new image is due within the starting interval, and a known one when it was due anyway; one
        that is parked, or due later than any may be, is followed again.
        """
        wait_s = 0.0 if at_once else first_due(ref.subject, self._intervals)
        document = new_document(ref, now, now + timedelta(seconds=wait_s), priority=at_once)
        with outage():
            try:
                result = self._images.update_one({"_id": ref.key}, {"$setOnInsert": document}, upsert=True)
            except DuplicateKeyError:
                result = None
            if result is not None and result.upserted_id is not None:
                return True
            if at_once:
                self.look(ref, now)
            else:
                lost = {"_id": ref.key, "next_refresh_at": {"$not": self._in_time(now)}}
                self._images.update_one(lost, {"$set": {"next_refresh_at": document["next_refresh_at"]}})
        return False

    def look(self, ref: ImageRef, now: datetime) -> bool:
        """Make an image due now and before others, at most once a minute; False if it was lately, or is not
        known.
        """
        lately = {"$gt": now - timedelta(seconds=LOOK_S)}
        update = {"$set": {"priority": 1, "priority_at": now}, "$min": {"next_refresh_at": now}}
        with outage():
            query = {"_id": ref.key, "$nor": [{"priority_at": lately, "next_refresh_at": {"$exists": True}}]}
            return self._images.update_one(query, update).matched_count == 1

    def make_due(self, name: str | None, now: datetime) -> int:
        """Make images due now and before others, however lately they were looked at; how many they are.

        ``name`` is the subject or the repository name of images; None: all that are followed. Who is reading
        one of them loses its lease: what it has read may be older than the wish.
        """
        query: Document = {"$or": [{"_id": name}, {"image": name}]}
        if name is None:
            query = {"next_refresh_at": {"$exists": True}}
        update = {
            "$set": {"priority": 1, "priority_at": now},
            "$min": {"next_refresh_at": now},
            "$unset": {"lease": ""},
        }
        with outage():
            return self._images.update_many(query, update).matched_count

    def read(self, ref: ImageRef) -> Image | None:
        """What is known of the image, or None."""
        with outage():
            document = self._images.find_one({"_id": ref.key})
        return image_of(document) if document else None

    def read_leased(self, key: str, token: str) -> "Leased | None":
        """The image of ``key``, if it is leased under ``token``."""
        with outage():
            document = self._images.find_one({"_id": key, "lease.token": token})
        return Leased(image_of(document), token, document.get("priority_at")) if document else None

    def write(self, leased: "Leased", decision: Decision, now: datetime) -> Image | None:
        """Make the one guarded write of a decision, with its event, and give the lease back.

        Returns the image as written, with its outbox; None if it missed: the lease or the revision has moved
        on.
        """
        after = decision.image
        if decision.change is not None:
            event = versions_changed(after, decision.change, shown_of(after), self.users(after.ref), now)
            after = replace(after, outbox=(*after.outbox, event))
        query = {"_id": after.ref.key, "lease.token": leased.token, "revision": leased.image.revision}
        update = image_update(leased.image, after, now, priority=decision.again)
        with outage():
            written = self._images.update_one(query, update).matched_count == 1
        return after if written else None

    def park(self, leased: "Leased") -> bool:
        """Stop following an image that no plugin uses, keeping what is known; False if it was looked at
        meanwhile.
        """
        query = {"_id": leased.image.ref.key, "lease.token": leased.token, "priority_at": leased.priority_at}
        update = {"$unset": {"next_refresh_at": "", "lease": ""}, "$set": {"priority": 0}}
        with outage():
            return self._images.update_one(query, update).matched_count == 1

    def in_use(self, ref: ImageRef, domains: frozenset[str] | None = None) -> bool:
        """Whether a plugin, local or managed, uses the image; with ``domains``, whether one of theirs does.

        Managed plugins are those of ``NOBODY``.
        """
        scope: Document = {"$exists": True}
        if domains is not None:
            scope = {"$in": sorted({*domains, MANAGED} if NOBODY in domains else domains)}
        with outage():
            return self._plugins.find_one(_used_by(ref, scope), {"_id": 1}) is not None

    def is_named(self, ref: ImageRef) -> bool:
        """Whether a plugin names the image in these very words, type of registry and all."""
        query = {
            "plugin.image": ref.image,
            "plugin.registry_type": ref.registry_type,
            "plugin.registry_url": ref.registry_url,
            "plugin.registry_config.credential": ref.credential,
            "scope": {"$exists": True},
        }
        with outage():
            return self._plugins.find_one(query, {"_id": 1}) is not None

    def users(self, ref: ImageRef) -> Users:
        """The local plugins that use the image: as many as are told of, and their count."""
        query = _used_by(ref, {"$gt": MANAGED})
        with outage():
            found = self._plugins.find(query, {"scope": 1, "plugin.plugin_id": 1}).limit(NAMES_TOLD)
            plugins = tuple(sorted((d["scope"], d["plugin"]["plugin_id"]) for d in found))
            count = len(plugins) if len(plugins) < NAMES_TOLD else self._plugins.count_documents(query)
        return Users(plugins, count)

    def used_after(self, after: str, limit: int) -> tuple[list[ImageRef], str | None]:
        """The images of up to ``limit`` plugins after a key, and the last key; None at the end."""
        fields = {
            f"plugin.{name}": 1 for name in ("registry_type", "registry_url", "image", "registry_config")
        }
        query = {"_id": {"$gt": after}, "scope": {"$exists": True}}
        with outage():
            found = list(self._plugins.find(query, fields).sort("_id", 1).limit(limit))
        refs = {ref.key: ref for ref in (ImageRef.of(document["plugin"]) for document in found)}
        return list(refs.values()), found[-1]["_id"] if len(found) == limit else None

    def follow(self, refs: Iterable[ImageRef], now: datetime) -> int:
        """Have those of ``refs`` followed that are not, due within the starting interval; their number."""
        wanted = {ref.key: ref for ref in refs}
        with outage():
            followed = self._images.find(
                {"_id": {"$in": list(wanted)}, "next_refresh_at": self._in_time(now)}, {"_id": 1}
            )
            for document in followed:
                del wanted[document["_id"]]
        for ref in wanted.values():
            self.ensure(ref, now, at_once=False)
        return len(wanted)

    def _in_time(self, now: datetime) -> Document:
        """Of due times: those that an image that is followed may have."""
        return {"$lte": now + timedelta(seconds=self._intervals.longest_s)}

    def subject(self, image: Image, now: datetime) -> Subject:
        """The image as a subject of events."""
        return image_subject(image, lambda: shown_of(image), lambda: self.users(image.ref), now)

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        """The subjects of these names, as they are now."""
        wanted = {"_id": {"$in": list(names)}, "revision": {"$gt": 0}}
        with outage():
            return [self._summary(image_of(document), now) for document in self._images.find(wanted)]

    def raise_revision(self, name: str, above: int, now: datetime) -> int | None:
        """Give an image a revision higher than ``above``; see ``Subjects``.

        The event has neither added nor removed versions.
        """
        with outage():
            document = self._images.find_one({"_id": name, "revision": {"$gt": 0}})
        if document is None:
            return None
        before = image_of(document)
        after = replace(before, revision=max(above, before.revision) + 1)
        event = versions_changed(after, Change(), shown_of(after), self.users(before.ref), now, gap=True)
        changes = {"revision": after.revision, "outbox": outbox_document((event,))}
        update = {"$set": changes, "$min": {"pending_at": now}}
        with outage():
            result = self._images.update_one({"_id": name, "revision": before.revision}, update)
        return after.revision if result.matched_count else None

    def reserve_revision(
        self, name: str, revision: int, last_event: Mapping[str, Any] | None, now: datetime
    ) -> bool:
        """Store a placeholder for an image, whose place is in its last event; see ``Subjects``.

        It is not followed before a plugin uses it.
        """
        document = placeholder(name, last_event, now) if last_event else None
        return self._reserve({"_id": name, "revision": 0}, revision, document)

    def _summary(self, image: Image, now: datetime) -> Subject:
        """The subject of an image whose list may go: hundreds of the largest would not fit into memory."""
        ref, shown = image.ref, shown_of(image)
        return image_subject(replace(image, versions=()), lambda: shown, lambda: self.users(ref), now)


@dataclass(frozen=True, slots=True)
class Leased:
    """An image read under a lease, and when it was last looked at."""

    image: Image
    token: str
    priority_at: datetime | None


def _used_by(ref: ImageRef, scope: Document) -> Document:
    """The plugins with this image, however they spell it; those of ``scope`` only, which no tombstone has."""
    named = [{"plugin.registry_url": url, "plugin.image": image} for url, image in ref.spellings]
    images = sorted({image for _, image in ref.spellings})
    return {
        "plugin.image": {"$in": images},
        "scope": scope,
        "$or": named,
        "plugin.registry_config.credential": ref.credential,
    }
