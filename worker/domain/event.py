"""What waits in a document's outbox, and what is needed to announce a subject.

A subject is a thing with a revision of its own that events are about: a plugin, or an image with its
versions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1

ANY = "*"
"""The digest of an event that stands for whatever event of its revision there was."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One event of an outbox: the subject's ``revision``, RFC 3339 ``time``, and ``data`` as JSON text.

    The text is made once, at the write, so that a repeated publish says the very same. Only an event with
    ``gap`` may follow others than its predecessor. ``stands_for`` is the digest of the event of the same
    revision in whose place it goes out: that one still waits in the outbox, and is then known to be out.
    """

    revision: int
    time: str
    data: str
    gap: bool = False
    traceparent: str | None = None
    stands_for: str = ""

    @property
    def size(self) -> int:
        """Bytes that the entry takes in its document, nearly."""
        return len(self.data.encode()) + 128

    @property
    def digest(self) -> str:
        """SHA-1 of ``data``, as the publishing script makes it: an identity, not a protection."""
        return self.stands_for or sha1(self.data.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Position:
    """How far a subject is in the store: its revision, and the digest of that revision's event while it is in
    the outbox.
    """

    name: str
    revision: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject as the store has it: its present revision, its unpublished events in order, and how to tell
    its present state.

    ``type`` is the event type, ``name`` the subject's name on the stream. ``present`` makes the event, with
    ``gap``, that stands in for events that Redis has lost.
    """

    type: str
    name: str
    revision: int
    pending: tuple[Pending, ...]
    present: Callable[[], Pending]
