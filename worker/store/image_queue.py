"""The queue of images to be read: those that are due, by the group of hosts whose budget they share.

An image is in the queue from its due time on, and out of it while somebody holds its lease. A lease that
lapses, because its holder died, puts it back; nothing else has to happen for that.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from worker.store.client import Document
from worker.store.errors import outage


@dataclass(frozen=True, slots=True)
class Due:
    """An image that may be claimed."""

    key: str
    registry_type: str


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The images of a group: all, parked, due now, claimed, failing; and since when the oldest is due."""

    host: str
    registry_type: str
    images: int
    parked: int
    due: int
    claimed: int
    failing: int
    oldest_due_at: datetime | None


class ImageQueue:
    """The images as a queue. Raises ``StoreUnavailable`` when the store is away."""

    def __init__(self, database: Database[Document]) -> None:
        self._images = database["images"]

    def hosts(self) -> list[str]:
        """Every group of hosts of which there are images."""
        with outage():
            return sorted(self._images.distinct("host"))

    def due(self, host: str, now: datetime, limit: int) -> list[Due]:
        """Up to ``limit`` images of a group that are due and free: those looked at first, then the longest
        due.
        """
        with outage():
            found = (
                self._images.find(
                    _free({"host": host, "priority": {"$in": [1, 0]}}, now), {"registry_type": 1}
                )
                .sort([("priority", -1), ("next_refresh_at", 1)])
                .limit(limit)
            )
            return [Due(document["_id"], document["registry_type"]) for document in found]

    def claim(self, keys: Iterable[str], token: str, now: datetime, until: datetime) -> list[str]:
        """Lease those of ``keys`` that are still due and free, and say which they are, in the order given."""
        wanted = list(keys)
        lease = {"$set": {"lease": {"token": token, "until": until}}}
        with outage():
            self._images.update_many(_free({"_id": {"$in": wanted}}, now), lease)
            found = self._images.find({"_id": {"$in": wanted}, "lease.token": token}, {"_id": 1})
            mine = {document["_id"] for document in found}
        return [key for key in wanted if key in mine]

    def likeliest(self, host: str, now: datetime) -> str | None:
        """The image to probe a group with, of those that are due and free: the one that failed least often
        in a row, then the longest due; None if there is none. Who looks at it does not count: those that fail
        are looked at the more.
        """
        with outage():
            found = self._images.find_one(
                _free({"host": host}, now),
                {"_id": 1},
                sort=[("failures", 1), ("next_refresh_at", 1)],
            )
        return found["_id"] if found else None

    def claim_looked_at(self, host: str, token: str, now: datetime, until: datetime) -> str | None:
        """Lease the first image of a group that is due and goes before others; None if there is none."""
        lease = {"$set": {"lease": {"token": token, "until": until}}}
        with outage():
            found = self._images.find_one_and_update(
                _free({"host": host, "priority": 1}, now),
                lease,
                projection={"_id": 1},
                sort=[("next_refresh_at", 1)],
            )
        return found["_id"] if found else None

    def renew(self, keys: Iterable[str], token: str, until: datetime) -> int:
        """Prolong the leases held under ``token``; how many there still are."""
        query = {"_id": {"$in": list(keys)}, "lease.token": token}
        with outage():
            return self._images.update_many(query, {"$set": {"lease.until": until}}).matched_count

    def give_back(self, keys: Iterable[str], token: str) -> None:
        """End the leases held under ``token``; the images are due as they were."""
        query = {"_id": {"$in": list(keys)}, "lease.token": token}
        with outage():
            self._images.update_many(query, {"$unset": {"lease": ""}})

    def put_last(self, key: str, token: str, now: datetime, until: datetime) -> None:
        """End the lease held under ``token`` of an image that is due: it goes behind all that are due
        ``now``, and looking at it brings it no further forward until a minute after ``until``.
        """
        update = {
            "$set": {"next_refresh_at": now, "priority": 0, "priority_at": until},
            "$unset": {"lease": ""},
        }
        with outage():
            self._images.update_one({"_id": key, "lease.token": token}, update)

    def counts(self, now: datetime) -> list[GroupCount]:
        """How each group stands, for people: reads the whole collection."""
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
                host=row["_id"],
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


def _free(query: Document, now: datetime) -> Document:
    return {**query, "next_refresh_at": {"$lte": now}, "lease.until": {"$not": {"$gt": now}}}


def _count(condition: dict[str, Any]) -> Document:
    return {"$sum": {"$cond": [condition, 1, 0]}}
