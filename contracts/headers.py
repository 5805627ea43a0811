"""The headers of a message that are not Celery's own."""

import re
from typing import Final, TypeGuard

AUTHORIZATION: Final = "authorization"
"""``Bearer <JWT>``."""

TRACEPARENT: Final = "traceparent"
"""W3C Trace Context. An invalid value is left out, as that specification says."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")

REPOSITORIES: Final = "repositories"
"""Which repositories a read may search: ``OWN``, or all of them without this header."""

OWN: Final = "own"
"""Local and managed repositories only. A deployment sends this to another one, which must not ask its own
remote repositories in turn: two that name each other would ask each other for ever.
"""


def is_traceparent(value: object) -> TypeGuard[str]:
    """Return whether ``value`` is a ``traceparent`` (Trace Context, level 1, "traceparent Header")."""
    return isinstance(value, str) and _TRACEPARENT.match(value) is not None
