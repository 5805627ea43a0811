"""Which errors of Redis mean that it is away, rather than that a command is wrong; and what they become."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from contracts.errors import Unavailable

_REFUSALS = (
    redis.exceptions.MasterDownError,
    redis.exceptions.NoPermissionError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)
# Redis 6 names these in the middle of a sentence about the script, redis-py behind one about the pipeline.
_REFUSED = re.compile(
    r"(?:^|: |-)(?:BUSY|MASTERDOWN|MISCONF|NOPERM|NOREPLICAS|OOM|READONLY|UNBLOCKED) "
    # A right that is missing for a command of a script.
    r"|The user executing the script can't |ACL failure in script: "
)


def is_redis_outage(error: redis.RedisError) -> bool:
    """Return whether waiting and trying again is the answer to ``error``."""
    # Another program listens in its place.
    if isinstance(error, redis.InvalidResponse):
        return True
    # A Redis that is out of memory, is a replica, or cannot persist refuses writes for as long as that lasts.
    # One that becomes a replica ends the reads that block.
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError, *_REFUSALS)):
        return True
    return isinstance(error, redis.ResponseError) and _REFUSED.search(str(error)) is not None


@contextmanager
def translate_outage(error_type: type[Unavailable], message: str) -> Iterator[None]:
    """Raise ``error_type(message)`` in place of an error that means that Redis is away; pass others on."""
    try:
        yield
    except redis.RedisError as error:
        if is_redis_outage(error):
            raise error_type(message) from error
        raise
