"""Dead letters: messages that could not be applied, kept for a replay, complete except for secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

FAULT: Final = "fault"
"""The reason of a message that met a bug; the other reasons are those of the transport."""

OVERSIZE: Final = "oversize"
"""The reason of a message that is larger than any may be."""

UNREADABLE: Final = frozenset(
    {
        *("not_json", "not_utf8", "not_an_object", "bad_headers", "bad_id", "no_task", "too_deep"),
        *(OVERSIZE, "unknown_task"),
    }
)
"""The reasons of messages that no task can ever apply: they cannot be read, or name no known task. One that
is oversize is answered; replayed, it would be parked again.
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be applied.

    ``raw``: the list element as it was, without its tokens; of a large one, only the beginning.
    ``stripped``: whether a token was removed; a replay needs a new one if tokens are checked.
    ``headers``: the message's headers, tokens replaced; empty if they cannot be read.
    ``revisions``: the revision of each plugin that it names, by key, when it was parked.
    ``attempts``: how often it was parked, or how many processes it ended.
    ``first_at``, ``parked_at``: the first and the last time it was parked. ``replayed_at``: when a replay
    began.
    ``size``: the bytes of the whole element; a list of letters leaves ``raw`` out.
    ``digest``: tells an element apart that is not kept whole; None of one that is.
    ``junk``: whether no task can ever apply it. What is not junk is never dropped.
    """

    id: str
    queue: str
    reason: str
    error: str
    raw: bytes = field(repr=False)
    parked_at: datetime
    task: str | None = None
    command_id: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    stripped: bool = False
    revisions: Mapping[str, int] = field(default_factory=dict)
    attempts: int = 1
    first_at: datetime | None = None
    replayed_at: datetime | None = None
    size: int = 0
    digest: str | None = None
    junk: bool = False
