"""The ``dead_letters`` collection: one document for each letter, and GridFS for larger messages."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson.binary import Binary
from bson.objectid import ObjectId
from gridfs import GridFSBucket, NoFile
from pymongo import ReturnDocument
from pymongo.database import Database

from worker.domain.dead_letter import DeadLetter
from worker.store.client import Document
from worker.store.errors import outage

__all__ = ["DeadLetter", "DeadLetters", "Filter"]

_INLINE_BYTES = 8 * 1024 * 1024
_HEADERS_AT_MOST = 64 * 1024
_ERROR_AT_MOST = 2000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are wanted; None means any.

    ``plugin``: the key of a plugin, or its ``plugin_id``.
    ``since``: parked at that time or later.
    """

    ids: tuple[str, ...] = ()
    reason: str | None = None
    queue: str | None = None
    task: str | None = None
    plugin: str | None = None
    since: datetime | None = None

    @property
    def query(self) -> Document:
        """The filter as MongoDB takes it."""
        query: Document = {
            name: getattr(self, name) for name in ("reason", "queue", "task") if getattr(self, name)
        }
        if self.ids:
            query["_id"] = {"$in": list(self.ids)}
        if self.since:
            query["parked_at"] = {"$gte": self.since}
        if self.plugin:
            query["$or"] = [{"plugins.key": self.plugin}, {"plugins.plugin_id": self.plugin}]
        return query


class DeadLetters:
    """The dead letters by id.

    ``inline_bytes``: a larger message is stored in GridFS, beside its letter.

    Raises: ``StoreUnavailable`` when the store is away.
    """

    def __init__(self, database: Database[Document], inline_bytes: int = _INLINE_BYTES) -> None:
        self._letters = database["dead_letters"]
        self._pieces = GridFSBucket(database, bucket_name="dead_letters")
        self._inline_bytes = inline_bytes

    def keep(self, letter: DeadLetter) -> str:
        """Store a letter and return its id; the same letter again counts another attempt."""
        with outage():
            body = self._body(letter)
            update = {
                "$set": _fields(letter) | body,
                "$setOnInsert": {"first_at": letter.first_at or letter.parked_at},
                "$unset": {name: "" for name in ("raw", "file", "replayed_at") if name not in body},
                "$inc": {"attempts": letter.attempts},
            }
            before = self._letters.find_one_and_update(
                {"_id": letter.id}, update, {"file": 1}, upsert=True, return_document=ReturnDocument.BEFORE
            )
            self._drop(before)
        return letter.id

    def keep_once(self, letter: DeadLetter) -> str:
        """Store a letter and return its id; the same letter again changes nothing."""
        with outage():
            if self._letters.find_one({"_id": letter.id}, {"_id": 1}) is None:
                body = self._body(letter)
                times = {"first_at": letter.first_at or letter.parked_at, "attempts": letter.attempts}
                document = _fields(letter) | body | times
                result = self._letters.update_one({"_id": letter.id}, {"$setOnInsert": document}, upsert=True)
                if result.upserted_id is None:
                    self._drop(body)
        return letter.id

    def find(self, wanted: Filter, limit: int = 0) -> Iterator[DeadLetter]:
        """Yield letters without ``raw``, longest parked first; ``limit`` 0 means all."""
        with outage():
            for document in self._letters.find(wanted.query, {"raw": 0}).sort("parked_at", 1).limit(limit):
                yield _letter(document)

    def read(self, letter_id: str) -> DeadLetter | None:
        """Return one whole letter, or None."""
        with outage():
            document = self._letters.find_one({"_id": letter_id})
            if document is None:
                return None
            raw = self._pieces.open_download_stream(document["file"]).read() if "file" in document else b""
        letter = _letter(document)
        return replace(letter, raw=raw) if raw else letter

    def count(self, wanted: Filter) -> int:
        """Return the number of letters."""
        with outage():
            return self._letters.count_documents(wanted.query)

    def counts(self) -> dict[str, int]:
        """Return the number of letters by reason."""
        with outage():
            rows = self._letters.aggregate(
                [{"$group": {"_id": "$reason", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
            )
            return {row["_id"]: row["n"] for row in rows}

    def mark_replayed(self, letter: DeadLetter, now: datetime) -> bool:
        """Note that a letter is being replayed; return False if it has changed since it was read."""
        with outage():
            return (
                self._letters.update_one(_as_read(letter), {"$set": {"replayed_at": now}}).matched_count == 1
            )

    def remove(self, letter: DeadLetter) -> bool:
        """Remove a letter; return False if it has been parked again since it was read, or is gone."""
        with outage():
            document = self._letters.find_one_and_delete(_as_read(letter), {"file": 1})
            self._drop(document)
        return document is not None

    def _body(self, letter: DeadLetter) -> Document:
        if len(letter.raw) <= self._inline_bytes:
            return {"raw": Binary(letter.raw)}
        return {"file": self._pieces.upload_from_stream(letter.id, letter.raw)}

    def _drop(self, document: Mapping[str, Any] | None) -> None:
        file: ObjectId | None = (document or {}).get("file")
        if file is None:
            return
        try:
            self._pieces.delete(file)
        except NoFile:
            return


def _as_read(letter: DeadLetter) -> Document:
    # Parking it again counts an attempt: a letter parked again meanwhile is not the one that was read.
    return {"_id": letter.id, "attempts": letter.attempts, "parked_at": letter.parked_at}


def _fields(letter: DeadLetter) -> Document:
    # A text can hold any header; a document cannot hold every key.
    headers = json.dumps(letter.headers)
    return {
        "queue": letter.queue,
        "reason": letter.reason,
        "error": letter.error[:_ERROR_AT_MOST].encode("utf-8", "replace").decode(),
        "size": len(letter.raw),
        "task": letter.task,
        "command_id": letter.command_id,
        "headers": headers if len(headers) <= _HEADERS_AT_MOST else "{}",
        "stripped": letter.stripped,
        "plugins": [
            {"key": key, "plugin_id": key.rpartition("/")[2], "revision": revision}
            for key, revision in letter.revisions.items()
        ],
        "parked_at": letter.parked_at,
    }


def _letter(document: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        id=document["_id"],
        queue=document["queue"],
        reason=document["reason"],
        error=document["error"],
        raw=bytes(document.get("raw", b"")),
        parked_at=document["parked_at"],
        task=document["task"],
        command_id=document["command_id"],
        headers=json.loads(document["headers"]),
        stripped=document["stripped"],
        revisions={entry["key"]: entry["revision"] for entry in document["plugins"]},
        attempts=document["attempts"],
        first_at=document["first_at"],
        replayed_at=document.get("replayed_at"),
        size=document["size"],
    )
