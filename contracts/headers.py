"""Message headers beside Celery's own."""

from typing import Final

AUTHORIZATION: Final = "authorization"
"""``Bearer <JWT>``."""

TRACEPARENT: Final = "traceparent"
"""W3C Trace Context."""

REPOSITORIES: Final = "repositories"
"""Which repositories a read may look into: ``OWN``, or without it all."""

OWN: Final = "own"
"""Local and managed repositories only. A deployment says so to another one, whose remote repositories it is
not to ask in turn: two that name each other would go round for ever.
"""
