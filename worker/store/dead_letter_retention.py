"""Which dead letters are retained: junk is dropped where there would be too many, the oldest first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from bson import encode
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from worker.domain.dead_letter import UNREADABLE
from worker.store.client import Document
from worker.store.errors import outage
from worker.store.letter_files import LetterFiles

_ID = "junk"
_MOST_AT_ONCE = 500
# What a small letter takes beside its message, about.
_LETTER_BYTES = 512
_CUT_BYTES = 64 * 1024
_NO_SUCH_COLLECTION = 26


@dataclass(frozen=True, slots=True)
class Caps:
    """The most dead letters: how many, and how many bytes of them."""

    count: int = 100_000
    size: int = 1024**3

    @property
    def at_once(self) -> int:
        """How many letters are stored, or removed, in one step."""
        return max(1, min(_MOST_AT_ONCE, self.count))


@dataclass(frozen=True, slots=True)
class Drops:
    """What was dropped since ``since``, until ``last``: how many letters, of how many bytes, about."""

    count: int
    size: int
    since: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Fill:
    """How much room is taken: ``count`` letters of ``size`` bytes."""

    count: int = 0
    size: int = 0


class Retention:
    """Keeps the dead letters within their caps.

    Only junk is dropped: what is marked so when it is parked. Letters that a task can apply are never
    dropped; they alone may pass the caps.

    What is to be dropped is written down first, and counted in the same write that forgets that list. So a
    process that ends in between drops and counts nothing twice, and another one finishes its work.
    """

    def __init__(self, database: Database[Document], files: LetterFiles, caps: Caps) -> None:
        self.caps = caps
        self._letters = database["dead_letters"]
        self._stored = [_as_stored(database[name]) for name in ("dead_letters", "dead_letters.chunks")]
        self._drops = database["dead_letter_drops"]
        self._files = files
        self._dropped: Counter[str] = Counter()

    def take_dropped(self) -> Counter[str]:
        """Return how many letters this process has dropped since it was last asked, by reason."""
        dropped, self._dropped = self._dropped, Counter()
        return dropped

    def fill(self) -> Fill:
        """Return how much room is taken; costs the same however much it is."""
        with outage():
            letters, chunks = (_fill(collection) for collection in self._stored)
        return Fill(letters.count, letters.size + chunks.size)

    def make_room(self, documents: Sequence[Document] = ()) -> None:
        """Drop junk until there is room for these documents, or until there is none.

        Raises: ``StoreUnavailable``.
        """
        coming = sum(len(encode(document)) for document in documents)
        with outage():
            if begun := self._begun():
                self._finish(begun)
            while excess := self._excess(len(documents), coming):
                pending = self._begin(excess)
                if pending is None:
                    return
                self._finish(pending)

    def drops(self) -> Drops | None:
        """Return what was dropped until now; None if nothing was."""
        with outage():
            found = self._drops.find_one({"_id": _ID, "count": {"$gt": 0}})
        return Drops(found["count"], found["size"], found["since"], found["last"]) if found else None

    def _excess(self, count: int, size: int) -> Fill | None:
        taken = self.fill()
        excess = Fill(taken.count + count - self.caps.count, taken.size + size - self.caps.size)
        return excess if taken.count and (excess.count > 0 or excess.size > 0) else None

    def _finish(self, pending: Document) -> None:
        """Drop what is written down, and count it, unless another process was quicker."""
        ids = [letter["_id"] for letter in pending["letters"]]
        self._letters.delete_many({"_id": {"$in": ids}, "junk": True})
        self._files.delete(pending["letters"])
        done = self._drops.update_one(
            {"_id": _ID, "pending.token": pending["token"]},
            {
                "$inc": {"count": len(ids), "size": pending["size"]},
                "$min": {"since": pending["at"]},
                "$max": {"last": pending["at"]},
                "$unset": {"pending": ""},
            },
        )
        if done.modified_count:
            self._dropped.update(letter["reason"] for letter in pending["letters"])

    def _begun(self) -> Document | None:
        found = self._drops.find_one({"_id": _ID, "pending": {"$exists": True}})
        return found["pending"] if found else None

    def _begin(self, excess: Fill) -> Document | None:
        """Write down what is to be dropped; None if there is no junk."""
        chosen = self._oldest(excess)
        if not chosen:
            return None
        names = ("_id", "reason", "file")
        pending = {
            "token": uuid4().hex,
            "at": datetime.now(UTC),
            "size": sum(_size(letter) for letter in chosen),
            "letters": [{name: letter[name] for name in names if name in letter} for letter in chosen],
        }
        try:
            self._drops.update_one(
                {"_id": _ID, "pending": {"$exists": False}}, {"$set": {"pending": pending}}, upsert=True
            )
        except DuplicateKeyError:
            # Another process was quicker: it is helped.
            return self._begun() or self._begin(excess)
        return pending

    def _oldest(self, excess: Fill) -> list[Document]:
        fields = {"reason": 1, "size": 1, "digest": 1, "file": 1}
        chosen, freed = list[Document](), 0
        for _ in range(2):
            junk = self._letters.find({"junk": True}, fields).sort("parked_at", 1).limit(self.caps.at_once)
            for letter in junk:
                if len(chosen) >= excess.count and freed >= excess.size:
                    break
                chosen.append(letter)
                freed += _size(letter)
            if chosen or not self._mark_older_junk():
                break
        return chosen

    def _mark_older_junk(self) -> int:
        """Mark the letters of 0.1.0 that are junk; return how many."""
        unmarked = {"junk": {"$exists": False}, "reason": {"$in": sorted(UNREADABLE)}}
        return self._letters.update_many(unmarked, {"$set": {"junk": True}}).modified_count


def _as_stored(collection: Collection[Document]) -> Collection[Document]:
    # MongoDB tells what it has stored with no other read concern.
    return collection.with_options(read_concern=ReadConcern("local"))


def _fill(collection: Collection[Document]) -> Fill:
    try:
        shards = list(collection.aggregate([{"$collStats": {"storageStats": {}}}]))
    except OperationFailure as error:
        if error.code == _NO_SUCH_COLLECTION:
            return Fill()
        raise
    stats = [shard["storageStats"] for shard in shards]
    return Fill(sum(each["count"] for each in stats), sum(each["size"] for each in stats))


def _size(letter: Document) -> int:
    is_cut = letter.get("digest") is not None
    return (_CUT_BYTES if is_cut else int(letter["size"])) + _LETTER_BYTES
