"""How large the stream may be: by the setting, and by what Redis has."""

from typing import Any

import pytest
import redis

from tests.support.servers import RedisServer
from worker.events.limits import DEFAULT_BYTES, StreamLimits

MIB = 1024**2


class Memory:
    """A Redis that says how much memory it has."""

    def __init__(self, maxmemory: int) -> None:
        self.maxmemory = maxmemory
        self.asked = 0
        self.error: redis.RedisError | None = None

    def info(self, section: str) -> dict[str, Any]:
        assert section == "memory"
        self.asked += 1
        if self.error:
            raise self.error
        return {"maxmemory": self.maxmemory}


@pytest.mark.parametrize(
    ("maxmemory", "setting", "most"),
    [
        (0, None, DEFAULT_BYTES),
        (1, None, DEFAULT_BYTES),
        (0, 5 * MIB, 5 * MIB),
        (256 * MIB, None, 64 * MIB),
        (256 * MIB, 10 * MIB, 10 * MIB),
        (256 * MIB, 100 * MIB, 100 * MIB),
        (256 * MIB, 1024 * MIB, 128 * MIB),
    ],
)
def test_the_limit_is_a_share_of_what_redis_has(maxmemory: int, setting: int | None, most: int) -> None:
    assert StreamLimits(Memory(maxmemory), 10, setting).max_bytes() == most


@pytest.mark.parametrize(
    "refusal", [redis.exceptions.NoPermissionError("info"), redis.ResponseError("unknown command 'INFO'")]
)
def test_a_redis_that_does_not_tell_leaves_the_default_or_what_it_told(refusal: redis.ResponseError) -> None:
    now = [0.0]
    memory = Memory(256 * MIB)
    memory.error = refusal
    limits = StreamLimits(memory, 10, clock=lambda: now[0])
    assert limits.max_bytes() == DEFAULT_BYTES
    memory.error, now[0] = None, 31
    assert limits.max_bytes() == 64 * MIB
    memory.error, now[0] = refusal, 62
    assert limits.max_bytes() == 64 * MIB


def test_redis_is_asked_at_the_first_use_and_now_and_then() -> None:
    now = [0.0]
    memory = Memory(256 * MIB)
    limits = StreamLimits(memory, 10, clock=lambda: now[0])
    assert memory.asked == 0
    for now[0] in (0.0, 1.0, 29.0):
        assert limits.max_bytes() == 64 * MIB
    assert memory.asked == 1
    memory.maxmemory, now[0] = 1024 * MIB, 30.0
    assert limits.max_bytes() == 256 * MIB
    assert memory.asked == 2


def test_a_redis_that_is_away_is_told() -> None:
    memory = Memory(0)
    memory.error = redis.ConnectionError("refused")
    with pytest.raises(redis.ConnectionError):
        StreamLimits(memory, 10).max_bytes()


def test_a_real_redis_tells(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert StreamLimits(client, 10).max_bytes() == int(client.info("memory")["maxmemory"]) // 4
