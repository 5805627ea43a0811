"""The mark: a random word beside the stream, by which a loss of Redis's data is noticed.

It is moved in the moment in which events are seen to be on the stream, and kept in the store before their
outboxes are emptied. Redis keeps or loses what was written in its order. So while it has the mark that the
store knows, it has every event that is in no outbox any more; with another one, or none, it may have lost
some. No right to INFO is needed, and a restart that lost nothing costs nothing.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import uuid4

from contracts._redis.outage import translate_outage
from contracts.events import STREAM
from worker.events.positions import LAST_REVISIONS, field_of, position_of
from worker.events.unavailable import EVENTS_AWAY, EventsUnavailable

MARK = f"{STREAM}:compared"
"""The Redis key of the mark."""


class MarkMemory(Protocol):
    """Where the mark is kept outside of Redis."""

    def read(self) -> str | None:
        """Return the mark that was kept last; None for none."""

    def keep(self, mark: str) -> None:
        """Keep a mark in place of the last one."""


class Mark:
    """The mark in one Redis; for one thread.

    ``client``: a redis-py client. ``memory``: what is not lost with that Redis.

    Raises: ``EventsUnavailable``, and what ``memory`` raises.
    """

    def __init__(self, client: Any, memory: MarkMemory) -> None:
        self._redis = client
        self._memory = memory
        self._kept: str | None = None
        self._found: str | None = None

    def is_kept(self) -> bool:
        """Return whether Redis has the mark that the store knows: nothing was lost."""
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            self._found = _text(self._redis.get(MARK))
        if self._found is None:
            return False
        if self._found != self._kept:
            # Another process may have moved it.
            self._kept = self._memory.read()
        return self._found == self._kept

    def put(self) -> None:
        """Put a new mark into Redis alone: until ``keep``, everything counts as lost."""
        mark = uuid4().hex
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            self._redis.set(MARK, mark)
        self._found = mark

    def move(self, event_type: str, revisions: Mapping[str, int]) -> bool:
        """Move the mark in Redis if it has these revisions of subjects on the stream; else return False.

        Also if the mark is not the one that was found, or put, last: then something was lost meanwhile.
        """
        mark, fields = uuid4().hex, [field_of(event_type, name) for name in revisions]
        with translate_outage(EventsUnavailable, EVENTS_AWAY), self._redis.pipeline(transaction=True) as pipe:
            # In one moment: what is lost later is lost together with the new mark.
            pipe.hmget(LAST_REVISIONS, fields)
            pipe.set(MARK, mark, get=True)
            positions, before = pipe.execute()
        if _text(before) != self._found:
            return False
        self._found = mark
        return all(
            position_of(value).revision >= revision
            for value, revision in zip(positions, revisions.values(), strict=True)
        )

    def keep(self) -> None:
        """Keep the mark in the store: from now on, its loss is noticed."""
        if self._found is not None:
            self._memory.keep(self._found)
            self._kept = self._found

    def is_found_again(self) -> bool:
        """Return whether Redis still has the mark that was put, or moved, last."""
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            return self._found is not None and _text(self._redis.get(MARK)) == self._found


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
