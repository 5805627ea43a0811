"""The mark of each stream: what tells of a Redis that lost data (see ``worker.events.mark``)."""

from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from contracts.events import STREAM
from worker.store.client import Document
from worker.store.errors import outage

_NO_MARK = {"$not": {"$type": "string"}}


class StreamMark:
    """The mark of one stream, in the collection ``stream_marks``. ``stream``: its name. Default: that of
    the events.

    Raises: ``StoreUnavailable``.
    """

    def __init__(self, database: Database[Document], stream: str = STREAM) -> None:
        self._marks = database["stream_marks"]
        self._stream = stream

    def read(self) -> str | None:
        """Return the mark that was kept last; None for none."""
        with outage():
            found = self._marks.find_one({"_id": self._stream})
        mark = found.get("mark") if found else None
        return mark if isinstance(mark, str) else None

    def keep(self, mark: str, before: str | None) -> bool:
        """Keep a mark in place of ``before``; return False if another one is kept by now."""
        known: Any = _NO_MARK if before is None else before
        with outage():
            try:
                result = self._marks.update_one(
                    {"_id": self._stream, "mark": known}, {"$set": {"mark": mark}}, upsert=before is None
                )
            except DuplicateKeyError:
                return False
        return result.matched_count == 1 or result.upserted_id is not None
