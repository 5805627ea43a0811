"""Decides by the type of an error: refused is final, unavailable waits, a fault gets three tries and is then
kept as a dead letter.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from contracts._redis.waits import Waits
from contracts.errors import Fault, InternalFault, Refused, StoreUnavailable, Unavailable
from worker.domain.command import Fenced, GiveBack, Lease
from worker.plugins.plan import TRIES
from worker.tasks.outages import outage_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

GIVE_UP_S = 30.0
"""How long the store may be away, in seconds, before the lease is given up."""

# The pauses between two tries during an outage, in seconds: the first one, which doubles up to the longest.
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 1.0


def supervise(
    step: Callable[[bool], T],
    lease: Lease,
    name: str,
    keep: Callable[[Exception], InternalFault] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Carry out ``step`` and return its result; every part of it may be repeated.

    ========================  ==========================================================================
    error                     what happens
    ========================  ==========================================================================
    ``Refused``, ``Fenced``   raised
    ``Unavailable``           wait 0.1 to 1 s, with jitter, and try again: nothing overtakes this step.
                              So it is when Redis refuses this user: the log says what, once a minute
    ``StoreUnavailable``      the same; after 30 s give up the lease: another process may reach the store
    any other, three times    keep a dead letter, and raise the error that ``keep`` returns
    any other, no ``keep``    raised at once
    ========================  ==========================================================================

    An outage sets the number of faults back to none, if there were three: they may be a result of it. If
    ``keep`` itself fails, only ``keep`` is tried again, until the next outage.

    ``step``: gets whether an earlier try may have begun it.
    ``name``: what the log calls it.
    ``keep``: keeps the message as a dead letter, and returns the error to answer.
    ``clock``: seconds, never set back. Default: ``time.monotonic``.

    Raises: ``Refused`` and ``Fenced`` of ``step``; ``InternalFault`` of ``keep``; also ``GiveBack`` if the
    process must end during a wait, and ``Fenced`` after it gave up the lease.
    """
    bug: Exception | None = None
    store_away_since: float | None = None
    faults, waits, again = 0, 0, False
    told = Waits(logger, clock)
    while True:
        try:
            if bug and keep and faults >= TRIES:
                raise keep(bug) from bug
            return step(again)
        except (Refused, Fault, Fenced, GiveBack):
            raise
        except Unavailable as outage:
            if faults >= TRIES:
                faults = 0
            waits += 1
            told.tell(f"{name} waits", outage_of(outage))
            if not isinstance(outage, StoreUnavailable):
                store_away_since = None
            elif store_away_since is None:
                store_away_since = clock()
            elif clock() - store_away_since > GIVE_UP_S and _gave_up(lease):
                raise Fenced from outage
            if lease.wait(_backoff(waits)):
                raise GiveBack from outage
        except Exception as error:
            if keep is None:
                raise
            faults += 1
            if faults <= TRIES:
                bug = error
                logger.exception("%s failed, try %d of %d", name, faults, TRIES)
            else:
                # It must not be lost, so it waits until it can be kept.
                logger.exception("%s cannot be kept as a dead letter", name)
                if lease.wait(_LONGEST_WAIT_S):
                    raise GiveBack from error
        # What an earlier try has begun may still take effect: from here on it is a redelivery.
        again = True


def _gave_up(lease: Lease) -> bool:
    """Give up the lease; return False if Redis is away too. Nobody could take the lease then, so the wait
    goes on.
    """
    try:
        lease.give_up()
    except Unavailable as outage:
        logger.info("the lease is kept: %s", outage.message)
        return False
    return True


def _backoff(waits: int) -> float:
    jitter: float = random.uniform(0.5, 1.0)  # noqa: S311 - it spreads retries, it protects nothing
    return jitter * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(waits, 10))
