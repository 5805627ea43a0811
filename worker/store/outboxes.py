"""The outboxes of a collection: what plugins and images have in common as subjects of events."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pymongo import UpdateOne
from pymongo.collection import Collection

from worker.domain.event import Mark
from worker.store.client import Document
from worker.store.documents import pending_of
from worker.store.outage import outage

_AHEAD = timedelta(minutes=1)


class Outboxes:
    """Reads and clears the outboxes of ``collection``. Raises ``StoreUnavailable`` when the store is away."""

    def __init__(self, collection: Collection[Document]) -> None:
        self._collection = collection

    def pending(self, before: datetime) -> Iterator[Mark]:
        """Subjects whose oldest event waits since before ``before``, oldest first. So does what is marked a
        minute after it: the clock of whoever wrote it was ahead.
        """
        due = {"$or": [{"pending_at": {"$lt": before}}, {"pending_at": {"$gt": before + _AHEAD}}]}
        wanted = {"revision": 1, "outbox": {"$slice": -1}}
        with outage():
            for d in self._collection.find(due, wanted).sort("pending_at", 1):
                yield Mark(d["_id"], d["revision"], pending_of(d)[-1].digest if d.get("outbox") else None)

    def revisions(self) -> Iterator[Mark]:
        """Every subject that has a revision, in the order of names."""
        with outage():
            for d in self._collection.find({"revision": {"$gt": 0}}, {"revision": 1}).sort("_id", 1):
                yield Mark(d["_id"], d["revision"])

    def clear(self, published: dict[str, int]) -> None:
        """Empty the outboxes of subjects all of whose events, up to their present revision, are out."""
        if not published:
            return
        requests = [
            UpdateOne({"_id": name, "revision": revision}, {"$unset": {"outbox": "", "pending_at": ""}})
            for name, revision in published.items()
        ]
        with outage():
            self._collection.bulk_write(requests, ordered=False)
