"""Facts for operators: the MongoDB server, and the outboxes in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo.database import Database
from pymongo.errors import PyMongoError

from contracts._redis.state import Outage
from worker.store.client import Document
from worker.store.errors import is_mongodb_outage, outage
from worker.store.outage import mongodb_outage

COLLECTIONS: Final = ("plugins", "images", "dead_letters", "dead_letter_drops", "stream_marks")

_NOBODY: Final = "a document that there is not"


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """A MongoDB server.

    ``version``: major and minor.
    ``replica_set``: its name, ``mongos`` for a sharded cluster, or None.
    ``members``: of the replica set.
    """

    version: tuple[int, ...]
    replica_set: str | None
    members: int
    writable: bool


@dataclass(frozen=True, slots=True)
class Outbox:
    """The unpublished events of a collection: how many subjects have any, and the time of the oldest."""

    collection: str
    subjects: int
    oldest: datetime | None


def store_facts(database: Database[Document]) -> StoreFacts:
    """Return the facts of the server.

    Raises: ``StoreUnavailable``.
    """
    with outage():
        build = database.client.admin.command("buildInfo")
        hello = database.client.admin.command("hello")
    replica_set = "mongos" if hello.get("msg") == "isdbgrid" else hello.get("setName")
    return StoreFacts(
        version=tuple(build["versionArray"][:2]),
        replica_set=replica_set,
        members=len(hello.get("hosts", ())),
        writable=bool(hello.get("isWritablePrimary")),
    )


def refused(database: Database[Document], collections: Iterable[str], *, writes: bool) -> Iterator[Outage]:
    """Yield why collections cannot be read, or written; nothing is changed."""
    for name in collections:
        try:
            database[name].find_one({"_id": _NOBODY}, {"_id": 1})
            if writes:
                database[name].update_one({"_id": _NOBODY}, {"$set": {"nothing": True}})
        except PyMongoError as error:
            if not is_mongodb_outage(error):
                raise
            yield mongodb_outage(error)


def outboxes(database: Database[Document]) -> list[Outbox]:
    """Return the outboxes of every collection with events.

    Raises: ``StoreUnavailable``.
    """
    found = []
    for name in ("plugins", "images"):
        waiting: Document = {"pending_at": {"$exists": True}}
        with outage():
            count = database[name].count_documents(waiting)
            first = database[name].find_one(waiting, {"pending_at": 1}, sort=[("pending_at", 1)])
        found.append(Outbox(name, count, first["pending_at"] if first else None))
    return found
