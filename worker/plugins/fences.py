"""The fences of what was read, beside the epoch of the lease."""

import logging
from collections.abc import Iterable

from worker.domain.command import Fenced, Lease
from worker.domain.record import Record

logger = logging.getLogger(__name__)


def raise_epoch(records: Iterable[Record], lease: Lease) -> None:
    """Raise the epoch of ``lease`` above the fences of ``records``.

    A fence above the epoch of a lease that is still valid came from a clock that was ahead, or from another
    number of partitions. One that no epoch may reach counts as none, and the next write replaces it: it would
    keep nobody away, for every later owner would have to use the same number.

    Raises: ``Fenced``.
    """
    for fence in sorted({record.fence for record in records}, reverse=True):
        if fence <= lease.epoch:
            return
        if not (lease.confirm() and lease.raise_epoch(fence + 1)):
            raise Fenced
        if fence > lease.epoch:
            logger.error("a fence of %d is more than a day ahead of Redis's clock: it counts as none", fence)
