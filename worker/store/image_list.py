"""The images as operators list them: without their versions, by registry and reason, with their plugins."""

import re
from collections import defaultdict
from dataclasses import dataclass

from pymongo.database import Database

from worker.domain.image import FailureReason, ImageRef
from worker.domain.image_record import ImageRecord
from worker.domain.registry.hosts import one_name
from worker.domain.scope import MANAGED_PREFIX
from worker.store.client import Document
from worker.store.errors import outage
from worker.store.image_documents import failed_for, image_of, reason_of
from worker.store.users import using

_SHORT: Document = {"outbox": 0, "versions": {"$slice": 1}}
_FAILING: Document = {"failures": {"$gt": 0}, "next_refresh_at": {"$exists": True}}


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images: those for which all that is given holds.

    ``name``: the subject, or the name of the repository on any registry. ``host``: of the registry.
    ``failed``: the last reading failed, and it is read again. ``reason``: why it failed.
    """

    name: str | None = None
    host: str | None = None
    failed: bool = False
    reason: FailureReason | None = None


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image in a list. ``image``: it has its newest version at most. ``total_count``: all its versions."""

    image: ImageRecord
    total_count: int


@dataclass(frozen=True, slots=True)
class Failures:
    """The images of a budget group that fail for one reason.

    ``reason``: None: it is not known. ``examples``: the first of them, in the order of their subjects.
    """

    budget_group: str
    reason: FailureReason | None
    count: int
    examples: tuple[ImageRecord, ...]


class ImageList:
    """Lists images, for people: every method may read the whole collection.

    Raises ``StoreUnavailable`` when the store is away.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._images = database["images"]
        self._plugins = database["plugins"]

    def find(self, wanted: ImageFilter, limit: int) -> list[ListedImage]:
        """Return up to ``limit`` images, by registry and name; 0: all."""
        order = [("host", 1), ("image", 1), ("_id", 1)]
        with outage():
            found = self._images.find(_query(wanted), _SHORT).sort(order).limit(limit)
            return [ListedImage(image_of(document), document.get("total_count", 0)) for document in found]

    def count(self, wanted: ImageFilter) -> int:
        """Return how many images there are."""
        with outage():
            return self._images.count_documents(_query(wanted))

    def users(self, ref: ImageRef, limit: int) -> tuple[list[str], int]:
        """Return up to ``limit`` plugins that use the image, and how many there are.

        A plugin is ``DOMAIN/PLUGIN``, one of a managed repository ``REPOSITORY/PLUGIN``.
        """
        query = using(ref, {"$exists": True})
        with outage():
            found = self._plugins.find(query, {"_id": 1}).sort("_id", 1).limit(limit)
            names = [document["_id"].removeprefix(MANAGED_PREFIX) for document in found]
            count = len(names) if len(names) < limit else self._plugins.count_documents(query)
        return names, count

    def failures(self, examples: int) -> list[Failures]:
        """Return the images that fail, by budget group and reason, each with up to ``examples`` of them."""
        group: Document = {
            "_id": {
                "host": "$host",
                "last_error": "$last_error",
                "is_old": {"$eq": [{"$type": "$last_detail"}, "missing"]},
            },
            "count": {"$sum": 1},
            "examples": {"$minN": {"input": "$_id", "n": examples}},
        }
        with outage():
            rows = list(self._images.aggregate([{"$match": _FAILING}, {"$group": group}]))
            keys = [key for row in rows for key in row["examples"]]
            found = self._images.find({"_id": {"$in": keys}}, _SHORT)
            images = {document["_id"]: image_of(document) for document in found}
        # What an older version stored may mean the same.
        alike: defaultdict[tuple[str, FailureReason | None], list[Document]] = defaultdict(list)
        for row in rows:
            stored = row["_id"]
            reason = reason_of(stored.get("last_error"), is_old=stored["is_old"])
            alike[stored["host"], reason].append(row)
        failures = [
            Failures(
                *named,
                sum(row["count"] for row in its_rows),
                tuple(images[key] for key in _first(its_rows, examples) if key in images),
            )
            for named, its_rows in alike.items()
        ]
        return sorted(failures, key=lambda row: (row.budget_group, -row.count, row.reason or ""))


def _first(rows: list[Document], examples: int) -> list[str]:
    return sorted(key for row in rows for key in row["examples"])[:examples]


def _query(wanted: ImageFilter) -> Document:
    conditions: list[Document] = [{}]
    if wanted.name is not None:
        names = [{"_id": wanted.name}, {"_id": f"images/{wanted.name}"}, {"image": wanted.name}]
        conditions.append({"$or": names})
    if wanted.host is not None:
        hosts = {wanted.host.lower(), one_name(wanted.host)}
        at = [{"host": re.compile(rf"^{re.escape(host)}(#|$)")} for host in sorted(hosts)]
        conditions.append({"$or": at})
    if wanted.failed:
        conditions.append(_FAILING)
    if wanted.reason is not None:
        conditions.append(failed_for(wanted.reason))
    return {"$and": conditions}
