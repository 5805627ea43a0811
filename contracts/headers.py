"""Message headers beside Celery's own."""

import re
from typing import Final, TypeGuard

AUTHORIZATION: Final = "authorization"
"""``Bearer <JWT>``."""

TRACEPARENT: Final = "traceparent"
"""W3C Trace Context; what is none is left out, as that specification says."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")

REPOSITORIES: Final = "repositories"
"""Which repositories a read may look into: ``OWN``, or without it all."""

OWN: Final = "own"
"""Local and managed repositories only. A deployment says so to another one, whose remote repositories it is
not to ask in turn: two that name each other would go round for ever.
"""


def is_traceparent(value: object) -> TypeGuard[str]:
    """Whether ``value`` is a ``traceparent`` (Trace Context, level 1, "traceparent Header")."""
    return isinstance(value, str) and _TRACEPARENT.match(value) is not None
