"""The headers of a message that are not Celery's own."""

import re
from secrets import token_urlsafe
from typing import Final, TypeGuard

AUTHORIZATION: Final = "authorization"
"""``Bearer <JWT>``."""

TRACEPARENT: Final = "traceparent"
"""W3C Trace Context. An invalid value is left out, as that specification says."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")

ANSWER_ID: Final = "answer_id"
"""Where the answer is stored, in place of the command id: the command id, ``:``, and 1 to 64 characters of
``[0-9A-Za-z_-]``. Made at random, nobody else can answer in its place, or overwrite it.
"""

_OWN_PART = re.compile(r"[0-9A-Za-z_-]{1,64}\Z")

REPOSITORIES: Final = "repositories"
"""Which repositories a read may search: ``OWN``, or all of them without this header."""

OWN: Final = "own"
"""Local and managed repositories only. A deployment sends this to another one, which must not ask its own
remote repositories in turn: two that name each other would ask each other for ever.
"""


def is_traceparent(value: object) -> TypeGuard[str]:
    """Return whether ``value`` is a ``traceparent`` (Trace Context, level 1, "traceparent Header")."""
    return isinstance(value, str) and _TRACEPARENT.match(value) is not None


def new_answer_id(command_id: str) -> str:
    """Return an ``answer_id`` that only who sends the command knows."""
    return f"{command_id}:{token_urlsafe(16)}"


def is_answer_id(value: object, command_id: str) -> TypeGuard[str]:
    """Return whether ``value`` is an ``answer_id`` of the command ``command_id``."""
    if not isinstance(value, str) or not value.startswith(f"{command_id}:"):
        return False
    return _OWN_PART.match(value, len(command_id) + 1) is not None
