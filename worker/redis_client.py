"""The clients of Redis that are not Celery's."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.redis_url import TIMEOUTS

PATIENCE = {**TIMEOUTS, "health_check_interval": 5}
"""What every client of a worker that is waited for is told, in seconds: options of redis-py and of kombu."""


def open_redis(url: str) -> Any:
    """A client of the Redis at ``url``; nothing is dialled before the first command.

    A Redis that tries its ``PATIENCE`` raises redis-py's errors.
    """
    return redis.Redis.from_url(url, **PATIENCE)


def open_hasty_redis(url: str) -> Any:
    """The same for what nobody waits for: a Redis that does not answer within 0.5 s is given up on."""
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=once)
