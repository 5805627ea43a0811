"""Whether this process may use MongoDB, asked before it takes a message."""

import logging
import sys
from collections.abc import Iterable
from typing import Any, Final

from worker.store.inspect import COLLECTIONS, refused

logger = logging.getLogger(__name__)

_READS: Final = {"queries": ("plugins", "images"), "versions": ("plugins",)}
_WRITES: Final = {"commands": COLLECTIONS, "versions": ("images",)}


def check_store(roles: Iterable[str], database: Any) -> None:
    """Refuse to start if MongoDB refuses the login of this process, or what ``roles`` need.

    While it is away, the process starts, and waits for it.
    """
    for role in roles:
        for collections, writes in ((_READS.get(role, ()), False), (_WRITES.get(role, ()), True)):
            for outage in refused(database, collections, writes=writes):
                if outage.is_refusal:
                    sys.exit(f"{outage.text}.\n{outage.advice[0].upper()}{outage.advice[1:]}")
                logger.warning("%s: the rights of this process were not checked", outage.text)
                return
