"""Dead letters: messages that could not be applied, whole, with the reason, to be replayed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.binary import Binary
from pymongo.database import Database

from worker.store.client import Document
from worker.store.outage import outage


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A parked message: ``raw`` as it was on the queue. ``revision`` is its plugin's when it was parked,
    where it has one.
    """

    id: str
    queue: str
    reason: str
    error: str
    raw: bytes
    task: str | None
    command_id: str | None
    parked_at: datetime
    attempts: int = 1
    revision: int | None = None


class DeadLetters:
    """The ``dead_letters`` collection. Raises ``StoreUnavailable`` when the store is away."""

    def __init__(self, database: Database[Document]) -> None:
        self._letters = database["dead_letters"]

    def keep(self, letter: DeadLetter) -> str:
        """Keep a letter; the same one again counts another attempt. Returns its id."""
        fields: dict[str, Any] = {
            "queue": letter.queue,
            "reason": letter.reason,
            "error": letter.error[:2000],
            "raw": Binary(letter.raw),
            "task": letter.task,
            "command_id": letter.command_id,
            "revision": letter.revision,
            "parked_at": letter.parked_at,
        }
        with outage():
            self._letters.update_one(
                {"_id": letter.id}, {"$set": fields, "$inc": {"attempts": letter.attempts}}, upsert=True
            )
        return letter.id
