"""How far each subject is on the stream, as the hash beside the stream says."""

import re
from typing import NamedTuple

from contracts.events import STREAM

LAST_REVISIONS = f"{STREAM}:revisions"
"""The Redis hash of the last revision on the stream, by ``{type}|{subject}``."""

_REVISION = re.compile(rb"[0-9]{1,15}")


class StreamPosition(NamedTuple):
    """How far a subject is on the stream: its last revision, and the SHA-1 of that event's data."""

    revision: int = 0
    digest: str = ""


NOWHERE = StreamPosition()


def field_of(event_type: str, name: str) -> str:
    """Return the field of a subject in the hash."""
    return f"{event_type.rsplit('.', 1)[-1]}|{name}"


def position_of(value: bytes | None) -> StreamPosition:
    """Return the position in a field of the hash; what is none counts as none, as in the script."""
    revision, _, digest = (value or b"").partition(b":")
    if not _REVISION.fullmatch(revision):
        return NOWHERE
    return StreamPosition(int(revision), digest.decode(errors="replace"))
