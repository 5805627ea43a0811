"""Scripts that Redis forgets."""

from typing import Any

import pytest
from redis import Redis

from worker.lua import Call, Script, run_all

APPEND = Script.of("", "return redis.call('RPUSH', KEYS[1], ARGV[1])")
COUNT = Script.of("", "return redis.call('LLEN', KEYS[1])")

pytestmark = pytest.mark.process


class ForgetfulRedis(Redis):
    """One whose place another takes as soon as a script is loaded."""

    def script_load(self, script: Any) -> Any:
        loaded = super().script_load(script)
        self.script_flush()
        return loaded


@pytest.mark.parametrize("known", [[], [COUNT]], ids=["none is known", "the second is known"])
@pytest.mark.parametrize("client", [Redis, ForgetfulRedis])
def test_each_is_run_once_in_order(redis_url: str, client: type[Redis], known: list[Script]) -> None:
    with client.from_url(redis_url) as redis:
        redis.script_flush()
        for script in known:
            redis.script_load(script.text)
        calls = [Call(APPEND, ["list"], [1]), Call(APPEND, ["list"], [2]), Call(COUNT, ["list"], [])]
        assert run_all(redis, calls)[:2] == [1, 2]
        assert redis.lrange("list", 0, -1) == [b"1", b"2"]
        assert run_all(redis, calls[2:]) == [2]
