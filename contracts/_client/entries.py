"""Entries of the stream ``plugin.events``, read with redis-py."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream.

    ``entry``: the id of the stream entry.
    ``attributes``: the CloudEvents attributes.
    ``data``: the parsed JSON.
    """

    entry: str
    attributes: dict[str, str]
    data: dict[str, Any]

    @property
    def type(self) -> str:
        return self.attributes["type"]

    @property
    def subject(self) -> str:
        return self.attributes["subject"]

    @property
    def revision(self) -> int:
        """The revision of the subject that the event is about."""
        return int(self.attributes["sequence"])

    @property
    def gap(self) -> bool:
        """Whether earlier events of the subject may be missing, as the publisher says."""
        return self.attributes.get("gap") == "true"


class UnreadableEvent(ValueError):
    """Raised when a stream entry is not an event of this contract."""


def entries_of(found: Any) -> list[Any]:
    """Return the entries in redis-py's answer to XREAD or XREADGROUP for one stream, with RESP2 or RESP3."""
    if not found:
        return []
    rows = found[0][1] if isinstance(found, list) else next(iter(found.values()))
    return rows[0] if rows and isinstance(rows[0], list) else rows  # RESP3 wraps the rows once more


def read_event(entry: str, fields: Mapping[bytes, bytes] | Mapping[str, str]) -> Event:
    """Return the event in a stream entry.

    Raises: ``UnreadableEvent``.
    """
    try:
        text = {text_of(name): text_of(value) for name, value in fields.items()}
        data = json.loads(text.pop("data"))
        event = Event(entry, text, data)
        if event.revision < 1 or not event.type or not event.subject or not isinstance(data, dict):
            raise ValueError("no revision, type, subject or data")
    except (KeyError, ValueError, RecursionError) as error:
        raise UnreadableEvent(f"{entry}: {error}") from None
    return event


def text_of(value: bytes | str) -> str:
    """Return the text of a value from redis-py, with ``decode_responses`` or without."""
    return value.decode() if isinstance(value, bytes) else value
