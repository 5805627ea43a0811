"""The queue of images to be read: those that are due, by the budget group of their registry.

An image is in the queue from its due time on, and out of it while somebody has claimed it. A claim that
lapses, because its holder died, puts the image back; nothing else has to happen for that.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from worker.store.client import Document
from worker.store.errors import outage

CLAIM_S = 120.0
"""How long a claim lasts unless it is renewed, in seconds."""


@dataclass(frozen=True, slots=True)
class Due:
    """An image that may be claimed."""

    key: str
    registry_type: str


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How many images of a budget group there are, and since when the oldest is due.

    ``parked``: unused images, which are not followed. ``plugins sync status`` shows it by this name.
    """

    budget_group: str
    registry_type: str
    images: int
    parked: int
    due: int
    claimed: int
    failing: int
    oldest_due_at: datetime | None


class ImageQueue:
    """The images as a queue. Raises ``StoreUnavailable`` when the store is away.

    ``claim_s``: how long a claim lasts unless it is renewed, in seconds. Default: 120.
    """

    def __init__(self, database: Database[Document], claim_s: float = CLAIM_S) -> None:
        self._images = database["images"]
        self.claim_s = claim_s

    def budget_groups(self) -> list[str]:
        """Return every budget group of which there are images."""
        with outage():
            return sorted(self._images.distinct("host"))

    def due(self, budget_group: str, now: datetime, limit: int) -> list[Due]:
        """Return up to ``limit`` images of a group that are due and free.

        Those requested come first, then those that are due the longest.
        """
        query = _free({"host": budget_group, "priority": {"$in": [1, 0]}}, now)
        order = [("priority", -1), ("next_refresh_at", 1)]
        with outage():
            found = self._images.find(query, {"registry_type": 1}).sort(order).limit(limit)
            return [Due(document["_id"], document["registry_type"]) for document in found]

    def claim(self, keys: Iterable[str], token: str, now: datetime) -> list[str]:
        """Claim those of ``keys`` that are still due and free; return them, in the order given."""
        wanted = list(keys)
        with outage():
            self._images.update_many(_free({"_id": {"$in": wanted}}, now), self._claimed(token, now))
            found = self._images.find({"_id": {"$in": wanted}, "lease.token": token}, {"_id": 1})
            mine = {document["_id"] for document in found}
        return [key for key in wanted if key in mine]

    def likeliest(self, budget_group: str, now: datetime) -> str | None:
        """Return the due and free image to probe a group with, or None.

        It is the one that failed least often in a row, then the longest due. Requests do not count: images
        that fail are requested the more.
        """
        with outage():
            found = self._images.find_one(
                _free({"host": budget_group}, now),
                {"_id": 1},
                sort=[("failures", 1), ("next_refresh_at", 1)],
            )
        return found["_id"] if found else None

    def claim_requested(self, budget_group: str, token: str, now: datetime) -> str | None:
        """Claim the first requested image of a group that is due and free; return it, or None."""
        with outage():
            found = self._images.find_one_and_update(
                _free({"host": budget_group, "priority": 1}, now),
                self._claimed(token, now),
                projection={"_id": 1},
                sort=[("next_refresh_at", 1)],
            )
        return found["_id"] if found else None

    def renew_claim(self, keys: Iterable[str], token: str, now: datetime) -> int:
        """Prolong the claims of ``token``; return how many there still are."""
        query = {"_id": {"$in": list(keys)}, "lease.token": token}
        update = {"$set": {"lease.until": self._until(now)}}
        with outage():
            return self._images.update_many(query, update).matched_count

    def give_back(self, keys: Iterable[str], token: str) -> None:
        """End the claims of ``token``; the images are due as they were."""
        query = {"_id": {"$in": list(keys)}, "lease.token": token}
        with outage():
            self._images.update_many(query, {"$unset": {"lease": ""}})

    def put_last(self, key: str, token: str, now: datetime, wait_s: float) -> None:
        """End the claim of ``token`` on an image that is due, and put it behind all that are due ``now``.

        ``wait_s``: for so many seconds, and a minute, a request does not bring it forward.
        """
        update = {
            "$set": {
                "next_refresh_at": now,
                "priority": 0,
                "priority_at": now + timedelta(seconds=wait_s),
            },
            "$unset": {"lease": ""},
        }
        with outage():
            self._images.update_one({"_id": key, "lease.token": token}, update)

    def counts(self, now: datetime) -> list[GroupCount]:
        """Return how each group stands, for people; this reads the whole collection."""
        due = {"$and": [{"$gt": ["$next_refresh_at", None]}, {"$lte": ["$next_refresh_at", now]}]}
        group: Document = {
            "_id": "$host",
            "registry_type": {"$first": "$registry_type"},
            "images": {"$sum": 1},
            "parked": _count({"$not": [{"$gt": ["$next_refresh_at", None]}]}),
            "due": _count(due),
            "claimed": _count({"$gt": ["$lease.until", now]}),
            "failing": _count({"$gt": ["$failures", 0]}),
            "oldest": {"$min": {"$cond": [due, "$next_refresh_at", None]}},
        }
        with outage():
            rows = list(self._images.aggregate([{"$group": group}, {"$sort": {"_id": 1}}]))
        return [
            GroupCount(
                budget_group=row["_id"],
                registry_type=row["registry_type"],
                images=row["images"],
                parked=row["parked"],
                due=row["due"],
                claimed=row["claimed"],
                failing=row["failing"],
                oldest_due_at=row["oldest"],
            )
            for row in rows
        ]

    def _claimed(self, token: str, now: datetime) -> Document:
        return {"$set": {"lease": {"token": token, "until": self._until(now)}}}

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.claim_s)


def _free(query: Document, now: datetime) -> Document:
    return {**query, "next_refresh_at": {"$lte": now}, "lease.until": {"$not": {"$gt": now}}}


def _count(condition: dict[str, Any]) -> Document:
    return {"$sum": {"$cond": [condition, 1, 0]}}
