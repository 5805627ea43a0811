"""What is told of an outage of Redis: away, full, or refused."""

import pytest
import redis

from contracts._redis.outage import is_full, is_redis_outage, redis_outage

IN_A_SCRIPT = "Error running script: OOM command not allowed when used memory > 'maxmemory'."


@pytest.mark.parametrize(
    "error",
    [
        redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        redis.ResponseError(IN_A_SCRIPT),
        redis.ResponseError("Command # 1 (LLEN q) of pipeline caused error: OOM command not allowed"),
    ],
)
def test_a_full_redis_is_told_as_full(error: redis.RedisError) -> None:
    assert is_full(error)
    assert is_redis_outage(error)
    assert redis_outage(error, "away").state == "full"


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("OOM killer"), redis.ResponseError("WRONGTYPE"), None]
)
def test_another_error_is_not(error: redis.RedisError | None) -> None:
    assert not is_full(error)
    assert redis_outage(error, "away").text == "away"
