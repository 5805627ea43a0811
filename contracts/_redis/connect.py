"""The clients of Redis that are not Celery's."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts._redis.url import TIMEOUTS

CONNECTION_OPTIONS = {**TIMEOUTS, "health_check_interval": 5}
"""How long a worker waits for a Redis, in seconds: options of redis-py, which kombu takes too."""

HASTY_OPTIONS = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": Retry(NoBackoff(), 0)}
"""The same for what nobody waits for."""


def open_redis(url: str) -> Any:
    """A client of the Redis at ``url``; nothing is dialled before the first command.

    A Redis that does not answer within the ``CONNECTION_OPTIONS`` raises redis-py's errors.
    """
    return redis.Redis.from_url(url, **CONNECTION_OPTIONS)


def open_hasty_redis(url: str) -> Any:
    """The same with the ``HASTY_OPTIONS``."""
    return redis.Redis.from_url(url, **HASTY_OPTIONS)
