"""What an outage of Redis is to this service: one of its own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from contracts._redis.outage import is_outage
from contracts.errors import Unavailable


@contextmanager
def redis_away(kind: type[Unavailable], message: str) -> Iterator[None]:
    """Raise ``kind`` in place of an error that means that Redis is away; let any other through."""
    try:
        yield
    except redis.RedisError as fault:
        if is_outage(fault):
            raise kind(message) from fault
        raise
