"""Which of Redis's errors mean that it is away, rather than that something is wrong with the command."""

import re

import redis

_REFUSALS = (
    redis.exceptions.MasterDownError,
    redis.exceptions.NoPermissionError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)
# Redis 6 tells of them in the middle of a sentence about the script, redis-py behind one about the pipeline.
_REFUSED = re.compile(r"(?:^|: |-)(?:BUSY|MASTERDOWN|MISCONF|NOPERM|NOREPLICAS|OOM|READONLY|UNBLOCKED) ")


def is_outage(fault: redis.RedisError) -> bool:
    """Whether waiting and trying again is the answer to ``fault``."""
    # Something else listens in its place.
    if isinstance(fault, redis.InvalidResponse):
        return True
    # A Redis that is out of memory, a replica, or cannot persist refuses writes for as long as that lasts.
    # One that becomes a replica ends the reads that block.
    if isinstance(fault, (redis.ConnectionError, redis.TimeoutError, *_REFUSALS)):
        return True
    return isinstance(fault, redis.ResponseError) and _REFUSED.search(str(fault)) is not None
