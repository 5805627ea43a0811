"""The images: one document each, changed by guarded writes under the claim of whoever reads the registry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from contracts.events import IMAGE_VERSIONS_CHANGED
from worker.domain.events import Subject
from worker.domain.image import ImageRef
from worker.domain.image_record import ImageRecord
from worker.domain.schedule import Intervals, first_due
from worker.store.client import Document
from worker.store.documents import outbox_document
from worker.store.errors import outage
from worker.store.image_documents import image_of, image_update, new_document, placeholder
from worker.store.outboxes import Outboxes
from worker.store.users import ImageUsers

REQUEST_S = 60.0
"""How often at most, in seconds, a request makes an image due before its time."""


class Images(Outboxes):
    """The ``images`` collection. Raises ``StoreUnavailable`` when the store is away.

    ``intervals``: bound how far ahead an image may be due. Default: ``Intervals()``.
    """

    event_type = IMAGE_VERSIONS_CHANGED
    needs_last_event = True

    def __init__(self, database: Database[Document], intervals: Intervals | None = None) -> None:
        super().__init__(database["images"])
        self._images = database["images"]
        self._users = ImageUsers(database)
        self._intervals = intervals or Intervals()

    def ensure(self, ref: ImageRef, now: datetime, *, at_once: bool = True) -> bool:
        """Have ``ref`` followed; return whether it was unknown before.

        ``at_once``: somebody waits for it: it is due now and before others. Otherwise a new image is due
        within the starting interval, and a known one keeps its due time, unless it is not followed or due
        later than any image may be.
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
                self.request_refresh(ref, now)
            else:
                lost = {"_id": ref.key, "next_refresh_at": {"$not": self._in_time(now)}}
                self._images.update_one(lost, {"$set": {"next_refresh_at": document["next_refresh_at"]}})
        return False

    def request_refresh(self, ref: ImageRef, now: datetime) -> bool:
        """Make an image due now and before others, at most once a minute.

        Returns False if it was requested less than ``REQUEST_S`` ago, or is not known.
        """
        lately = {"$gt": now - timedelta(seconds=REQUEST_S)}
        update = {"$set": {"priority": 1, "priority_at": now}, "$min": {"next_refresh_at": now}}
        with outage():
            query = {"_id": ref.key, "$nor": [{"priority_at": lately, "next_refresh_at": {"$exists": True}}]}
            return self._images.update_one(query, update).matched_count == 1

    def make_due(self, name: str | None, now: datetime) -> int:
        """Make images due now and before others, however lately they were requested; return their number.

        ``name``: the subject or the repository name of images; None: all that are followed. A worker that is
        reading one of them loses its claim: what it has read may be older than this request.
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

    def read(self, ref: ImageRef) -> ImageRecord | None:
        """Return what is known of the image, or None."""
        with outage():
            document = self._images.find_one({"_id": ref.key})
        return image_of(document) if document else None

    def read_claimed(self, key: str, token: str) -> "Claim | None":
        """Return the image of ``key``, or None if it is not claimed under ``token``."""
        with outage():
            document = self._images.find_one({"_id": key, "lease.token": token})
        return Claim(image_of(document), token, document.get("priority_at")) if document else None

    def write(self, claim: "Claim", after: ImageRecord, now: datetime, *, urgent: bool = False) -> bool:
        """Make the one guarded write from the claimed image to ``after``, and end the claim.

        ``urgent``: it goes before others when it is due.
        Returns False if nothing was written: the claim is lost, or the revision has moved on.
        """
        query = {"_id": after.ref.key, "lease.token": claim.token, "revision": claim.image.revision}
        update = image_update(claim.image, after, now, priority=urgent)
        with outage():
            return self._images.update_one(query, update).matched_count == 1

    def unfollow(self, claim: "Claim") -> bool:
        """Stop following an image that no plugin uses, and keep what is known of it.

        Returns False if it was requested meanwhile.
        """
        query = {
            "_id": claim.image.ref.key,
            "lease.token": claim.token,
            "priority_at": claim.requested_at,
        }
        update = {"$unset": {"next_refresh_at": "", "lease": ""}, "$set": {"priority": 0}}
        with outage():
            return self._images.update_one(query, update).matched_count == 1

    def follow(self, refs: Iterable[ImageRef], now: datetime) -> int:
        """Have those of ``refs`` followed that are not, due within the starting interval; return how many."""
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

    def subject(self, image: ImageRecord, now: datetime) -> Subject:
        """Return the image as a subject of events."""
        ref = image.ref
        return image.subject(lambda: self._users.of(ref), now)

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        """Return the subjects of these names, as they are now."""
        wanted = {"_id": {"$in": list(names)}, "revision": {"$gt": 0}}
        with outage():
            return [self.subject(image_of(document), now) for document in self._images.find(wanted)]

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
        event = self.subject(after, now).present()
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

    def _in_time(self, now: datetime) -> Document:
        """Return the condition on the due time of an image that is followed."""
        return {"$lte": now + timedelta(seconds=self._intervals.longest_s)}


@dataclass(frozen=True, slots=True)
class Claim:
    """An image read under the claim of ``token``.

    ``requested_at``: when a refresh of it was requested last; None: never.
    """

    image: ImageRecord
    token: str
    requested_at: datetime | None
