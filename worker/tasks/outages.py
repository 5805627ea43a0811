"""What is told of an outage, of whichever server."""

import redis

from contracts._redis.outage import redis_outage
from contracts._redis.state import Outage
from contracts.errors import ContractError
from worker.store.errors import store_outage


def outage_of(error: ContractError) -> Outage:
    """Return what an error of this service says of its server, for log and doctor."""
    cause = error.__cause__
    if isinstance(cause, redis.RedisError):
        found = redis_outage(cause, "")
        return Outage(found.state, error.message, found.advice)
    return store_outage(cause) or Outage("away", error.message)
