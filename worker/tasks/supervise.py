"""What happens next, by the type of an error: refused is final, unavailable waits, a fault is tried three
times and then parked.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from celery.exceptions import Ignore

from contracts.errors import Fault, InternalFault, Refused, StoreUnavailable, Unavailable
from worker.domain.attempt import Attempt, Fenced, GiveBack

logger = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 3
GIVE_UP_S = 30.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 1.0


def supervise(
    step: Callable[[Attempt], T],
    attempt: Attempt,
    park: Callable[[Exception], InternalFault],
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Carry out ``step``; every part of it may be repeated.

    While the store or Redis is away it waits, with jittered backoff up to 1 s, and tries the same command
    again: nothing of its partition overtakes it. Where only the store is away for 30 s, another process may
    reach it: the lease is given up. Raises the refusal; ``GiveBack`` when the process is to end meanwhile;
    ``Fenced``; or, after three faults, what ``park`` made of the last one. Where the store is away by then,
    the faults may have been of its going: the three tries begin anew. Where ``park`` meets a bug, it is
    ``park`` that is tried again, not ``step``, until an outage comes in between.
    """
    bug: Exception | None = None
    store_away_since: float | None = None
    faults, waits = 0, 0
    while True:
        try:
            if bug and faults >= TRIES:
                raise park(bug) from bug
            return step(attempt)
        except (Refused, Fault, Fenced, GiveBack, Ignore):
            raise
        except Unavailable as outage:
            if faults >= TRIES:
                faults = 0
            waits += 1
            if waits == 1:
                logger.warning("%s waits: %s", attempt.command_id, outage.message)
            if not isinstance(outage, StoreUnavailable):
                store_away_since = None
            elif store_away_since is None:
                store_away_since = clock()
            elif clock() - store_away_since > GIVE_UP_S and _gave_up(attempt):
                raise Fenced from outage
            if attempt.lease.wait(_backoff(waits)):
                raise GiveBack from outage
        except Exception as fault:
            faults += 1
            if faults <= TRIES:
                bug = fault
                logger.exception("%s failed, try %d of %d", attempt.command_id, faults, TRIES)
            else:
                # It must not be lost, so it waits until it can be kept.
                logger.exception("%s cannot be kept as a dead letter", attempt.command_id)
                if attempt.lease.wait(_LONGEST_WAIT_S):
                    raise GiveBack from fault
        # What an earlier attempt has begun may still take effect: from here on it is a redelivery.
        attempt = replace(attempt, redelivered=True)


def _gave_up(attempt: Attempt) -> bool:
    """Give the lease up; False where Redis is away too: then nobody could take it, and the wait goes on."""
    try:
        attempt.lease.give_up()
    except Unavailable as outage:
        logger.info("the lease is kept: %s", outage.message)
        return False
    return True


def _backoff(waits: int) -> float:
    jitter: float = random.uniform(0.5, 1.0)  # noqa: S311 - it spreads retries, it protects nothing
    return jitter * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(waits, 10))
