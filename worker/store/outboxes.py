"""The outboxes of a collection: what plugins and images have in common as subjects of events."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from worker.domain.events import Position
from worker.domain.subjects import History
from worker.store.client import Document
from worker.store.documents import pending_of
from worker.store.errors import outage

_AHEAD = timedelta(minutes=1)


class Outboxes:
    """The part of ``worker.domain.subjects.Subjects`` that is the same for every collection.

    Raises: ``StoreUnavailable`` when the store is away.
    """

    def __init__(self, collection: Collection[Document]) -> None:
        self._collection = collection

    def pending(self, before: datetime) -> Iterator[Position]:
        """Yield the subjects whose oldest unpublished event is older than ``before``, oldest first.

        One that is more than a minute younger counts too: the clock of its writer was ahead.
        """
        due = {"$or": [{"pending_at": {"$lt": before}}, {"pending_at": {"$gt": before + _AHEAD}}]}
        wanted = {"revision": 1, "outbox": {"$slice": -1}}
        with outage():
            for d in self._collection.find(due, wanted).sort("pending_at", 1):
                yield Position(d["_id"], d["revision"], pending_of(d)[-1].digest if d.get("outbox") else None)

    def revisions(self) -> Iterator[Position]:
        """Yield every subject that has a revision, in the order of names."""
        with outage():
            for d in self._collection.find({"revision": {"$gt": 0}}, {"revision": 1}).sort("_id", 1):
                yield Position(d["_id"], d["revision"])

    def histories(self, names: Iterable[str]) -> dict[str, History]:
        """Return the histories of those of ``names`` that the store knows."""
        with outage():
            return {
                d["_id"]: History(
                    d.get("revision", 0), {e.revision: e.digest for e in pending_of(d) if not e.gap}
                )
                for d in self._collection.find({"_id": {"$in": list(names)}}, {"revision": 1, "outbox": 1})
            }

    def clear(self, published: dict[str, int]) -> None:
        """Empty the outboxes of the subjects that are still at the revision given for them."""
        if not published:
            return
        requests = [
            UpdateOne({"_id": name, "revision": revision}, {"$unset": {"outbox": "", "pending_at": ""}})
            for name, revision in published.items()
        ]
        with outage():
            self._collection.bulk_write(requests, ordered=False)

    def _reserve(self, query: Document, revision: int, new: Document | None) -> bool:
        """Set the revision of the placeholder that meets ``query``; insert ``new`` if there is none."""
        update: Document = {"$set": {"revision": revision}}
        if new is not None:
            update["$setOnInsert"] = new
        with outage():
            try:
                result = self._collection.update_one(query, update, upsert=new is not None)
            except DuplicateKeyError:
                return False
        return result.matched_count == 1 or result.upserted_id is not None
