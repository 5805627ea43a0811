"""Facts for operators: the MongoDB server, and the outboxes in it."""

from dataclasses import dataclass
from datetime import datetime

from pymongo.database import Database

from worker.store.client import Document
from worker.store.errors import outage


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
