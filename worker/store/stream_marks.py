"""The mark of each stream: what tells of a Redis that lost data (see ``worker.events.mark``)."""

from pymongo.database import Database

from worker.store.client import Document
from worker.store.errors import outage


class StreamMark:
    """The mark of one stream, in the collection ``stream_marks``. ``stream``: its name.

    Raises: ``StoreUnavailable``.
    """

    def __init__(self, database: Database[Document], stream: str) -> None:
        self._marks = database["stream_marks"]
        self._stream = stream

    def read(self) -> str | None:
        """Return the mark that was kept last; None for none."""
        with outage():
            found = self._marks.find_one({"_id": self._stream})
        return str(found["mark"]) if found else None

    def keep(self, mark: str) -> None:
        """Keep a mark in place of the last one."""
        with outage():
            self._marks.update_one({"_id": self._stream}, {"$set": {"mark": mark}}, upsert=True)
