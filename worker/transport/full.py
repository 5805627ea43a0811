"""The stock channel at a Redis that is full: it goes on without what such a Redis refuses.

A worker needs none of it for its own queues. Without this, kombu would connect again and again, no worker
could start, and nobody would take from the queues that fill Redis.
"""

# mypy: disallow-untyped-calls=False

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis as stock
from redis.exceptions import ResponseError

from contracts._redis.outage import is_full

logger = logging.getLogger(__name__)


@contextmanager
def _unless_full(what: str) -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        if not is_full(error):
            raise
        logger.info("Redis is full: no %s for now", what)


class StockChannel(stock.Channel):
    """kombu's channel, of which binding and counting are left out for now."""

    def _queue_bind(self, *binding: Any) -> None:
        # Who publishes binds the queue as well.
        with _unless_full("binding of a queue"):
            super()._queue_bind(*binding)

    def _refresh_bindings(self, *queues: Any) -> None:
        with _unless_full("refreshing of bindings"):
            super()._refresh_bindings(*queues)

    def _size(self, queue: str) -> int:
        # Within a transaction, Redis refuses even to count. No worker asks for the number.
        with _unless_full("counting of messages"):
            return int(super()._size(queue))
        return 0
