"""Dead letters: messages that could not be applied, kept for a replay, complete except for secrets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.values import SECRET_WORD, looks_secret

REMOVED = "(removed)"
"""Stands in place of a secret."""

FAULT = "fault"
"""The reason of a message that met a bug; the other reasons are those of the transport."""

# The repetitions are bounded, so that no message makes the search slow.
_SECRET_PAIR = re.compile(
    rb'("[\w-]{0,40}(?:' + SECRET_WORD.encode() + rb')[\w-]{0,40}"\s{0,8}:\s{0,8})"(?:[^"\\]|\\.)*+"',
    re.IGNORECASE,
)
_BEARER = re.compile(rb"\bBearer[ \t]{1,8}[\w.~+/=-]++", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be applied.

    ``raw``: the list element as it was, without the tokens in its headers.
    ``stripped``: whether a token was removed; a replay needs a new one if tokens are checked.
    ``headers``: the message's headers, tokens replaced; empty if they cannot be read.
    ``revisions``: the revision of each plugin that it names, by key, when it was parked.
    ``attempts``: how often it was parked, or how many processes it ended.
    ``first_at``, ``parked_at``: the first and the last time it was parked. ``replayed_at``: when a replay
    began.
    ``size``: the bytes of ``raw``, which a list of letters leaves out.
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


def hide_secrets(value: Any) -> Any:
    """Return a JSON value in which every value is replaced whose key looks like that of a secret, at any
    depth.
    """
    if isinstance(value, dict):
        return {
            name: REMOVED if looks_secret(name) and item is not None else hide_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [hide_secrets(item) for item in value]
    return value


def hide_secrets_in_text(raw: bytes) -> bytes:
    """Return text that is not JSON, with parts replaced that look like a secret."""
    hidden = REMOVED.encode()
    return _BEARER.sub(b"Bearer " + hidden, _SECRET_PAIR.sub(rb'\1"' + hidden + b'"', raw))
