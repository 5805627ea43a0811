"""The ``dead_letters`` collection: one document for each letter.

Letters of 0.1.0 may have their message in the GridFS bucket of the same name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from worker.domain.dead_letter import DeadLetter
from worker.store.client import Document
from worker.store.dead_letter_retention import Caps, Retention
from worker.store.errors import outage
from worker.store.letter_files import LetterFiles

__all__ = ["Caps", "DeadLetter", "DeadLetters", "Filter"]

_HEADERS_AT_MOST = 64 * 1024
_ERROR_AT_MOST = 2000
_DUPLICATE = 11000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are wanted; None means any.

    ``plugin``: the key of a plugin, or its ``plugin_id``.
    ``since``: parked at that time or later.
    ``junk``: whether no task can ever apply them.
    """

    ids: tuple[str, ...] = ()
    reason: str | None = None
    queue: str | None = None
    task: str | None = None
    plugin: str | None = None
    since: datetime | None = None
    junk: bool | None = None

    @property
    def query(self) -> Document:
        """The filter as MongoDB takes it."""
        query: Document = {
            name: getattr(self, name) for name in ("reason", "queue", "task") if getattr(self, name)
        }
        if self.ids:
            query["_id"] = {"$in": list(self.ids)}
        if self.junk is not None:
            # Letters of 0.1.0 have no mark, and count as what a task can apply.
            query["junk"] = True if self.junk else {"$ne": True}
        if self.since:
            query["parked_at"] = {"$gte": self.since}
        if self.plugin:
            query["$or"] = [{"plugins.key": self.plugin}, {"plugins.plugin_id": self.plugin}]
        return query


class DeadLetters:
    """The dead letters by id.

    ``caps``: how many there may be, and how large; then ``Retention`` drops some.

    Raises: ``StoreUnavailable`` when the store is away.
    """

    def __init__(self, database: Database[Document], caps: Caps = Caps()) -> None:  # noqa: B008  # frozen
        self._letters = database["dead_letters"]
        self._files = LetterFiles(database)
        self.retention = Retention(database, self._files, caps)

    def keep(self, letter: DeadLetter) -> str:
        """Store a letter and return its id; the same letter again counts another attempt."""
        with outage():
            update = {
                "$set": _fields(letter) | {"raw": Binary(letter.raw)},
                "$setOnInsert": {"first_at": letter.first_at or letter.parked_at},
                "$unset": {"file": "", "replayed_at": ""},
                "$inc": {"attempts": letter.attempts},
            }
            before = self._letters.find_one_and_update(
                {"_id": letter.id}, update, {"file": 1}, upsert=True, return_document=ReturnDocument.BEFORE
            )
            self._files.delete([before] if before else [])
        return letter.id

    def keep_once(self, letters: Sequence[DeadLetter]) -> None:
        """Store letters, in one round trip; one that is there already is left as it is.

        Room is made for them first, so that the caps hold at any time.
        """
        for some in self._steps(letters):
            self._keep_once(some)

    def _steps(self, letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
        at_once = self.retention.caps.at_once
        return (letters[at : at + at_once] for at in range(0, len(letters), at_once))

    def _keep_once(self, letters: Sequence[DeadLetter]) -> None:
        with outage():
            wanted = {letter.id: letter for letter in letters}
            for known in self._letters.find({"_id": {"$in": list(wanted)}}, {"_id": 1}):
                del wanted[known["_id"]]
            documents = [_document(letter) for letter in wanted.values()]
            self.retention.make_room(documents)
            try:
                if documents:
                    self._letters.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                # Another process has stored the same ones meanwhile.
                if any(each["code"] != _DUPLICATE for each in error.details["writeErrors"]):
                    raise

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
            letter = _letter(document)
            return replace(letter, raw=self._files.read(document)) if "file" in document else letter

    def count(self, wanted: Filter) -> int:
        """Return the number of letters."""
        with outage():
            return self._letters.count_documents(wanted.query)

    def counts(self) -> dict[str, int]:
        """Return the number of letters by reason."""
        with outage():
            rows = self._letters.aggregate(
                [
                    # So that an index has all of it, and no message is read.
                    {"$match": {"junk": {"$in": [True, False, None]}}},
                    {"$group": {"_id": "$reason", "n": {"$sum": 1}}},
                    {"$sort": {"_id": 1}},
                ]
            )
            return {row["_id"]: row["n"] for row in rows}

    def mark_replayed(self, letter: DeadLetter, now: datetime) -> bool:
        """Note that a letter is being replayed; return False if it has changed since it was read."""
        with outage():
            return (
                self._letters.update_one(_as_read(letter), {"$set": {"replayed_at": now}}).matched_count == 1
            )

    def remove(self, letters: Sequence[DeadLetter]) -> int:
        """Remove letters, but for those that have been parked again since they were read, or are gone.

        Returns how many were removed.
        """
        removed = 0
        for some in self._steps(letters):
            wanted = {"$or": [_as_read(letter) for letter in some]}
            with outage():
                # One that is parked again has its message in its document, and no file any more.
                files = list(self._letters.find(wanted | {"file": {"$exists": True}}, {"file": 1}))
                removed += self._letters.delete_many(wanted).deleted_count
                self._files.delete(files)
        return removed


def _as_read(letter: DeadLetter) -> Document:
    # Parking it again counts an attempt: a letter parked again meanwhile is not the one that was read.
    return {"_id": letter.id, "attempts": letter.attempts, "parked_at": letter.parked_at}


def _document(letter: DeadLetter) -> Document:
    times = {"first_at": letter.first_at or letter.parked_at, "attempts": letter.attempts}
    return {"_id": letter.id, **_fields(letter), "raw": Binary(letter.raw), **times}


def _fields(letter: DeadLetter) -> Document:
    # A text can hold any header; a document cannot hold every key.
    headers = json.dumps(letter.headers)
    return {
        "queue": letter.queue,
        "reason": letter.reason,
        "error": letter.error[:_ERROR_AT_MOST].encode("utf-8", "replace").decode(),
        "size": letter.size or len(letter.raw),
        "digest": letter.digest,
        "junk": letter.junk,
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
        digest=document.get("digest"),
        junk=document.get("junk", False),
    )
