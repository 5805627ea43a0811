"""What a job of the pool left unfinished."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

import redis
from celery.exceptions import Reject

from worker.transport.delivery import Delivery

logger = logging.getLogger(__name__)

# Without what is refused to this user: that may last for ever.
_AWAY: Final = (redis.ConnectionError, redis.TimeoutError, OSError, Reject)


def settle_unfinished(deliveries: Sequence[Delivery], job: "Future[Any]") -> None:
    """Make sure that messages are settled even if Celery's own code failed around the task.

    The threads pool drops errors that are raised outside the task, for example by the result backend. A
    message would then be neither acked nor returned, and its queue would stand still.
    """
    unsettled = [delivery for delivery in deliveries if not delivery.settled]
    error = None if job.cancelled() else job.exception()
    if error is not None and unsettled:
        logger.error(
            "%d message(s) of %s could not be finished: %r",
            len(unsettled),
            unsettled[0].queue,
            error,
            exc_info=error,
        )
    is_outage = error is None or isinstance(error, _AWAY)
    # The newest first: each goes to the very head.
    for delivery in reversed(unsettled):
        if is_outage:
            delivery.give_back()
        else:
            delivery.give_back_failed(alone=len(unsettled) == 1)
