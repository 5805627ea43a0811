"""While Redis is away, every process is well, ends when it is told to, and can be started; then all goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import MongoReplicaSet, RedisServer, start_redis, wait_until
from tests.support.silence import SilentHost
from tests.system.outage_stand import Caller, Form, Load, Stand
from tests.system.outages import GRACE_S

DEADLINE_S = 60.0
MEMBERS = [(kind, 1) for kind in ("commands", "queries", "versions", "beat")]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "redis", appendfsync="always")
    yield server
    server.stop()


@pytest.mark.parametrize("form", ["killed", "silent"])
def test_an_outage_makes_no_process_unhealthy_and_deaf_to_sigterm(
    form: Form, redis: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    with SilentHost(redis.port) as host:
        stand = Stand(redis, mongodb_server, host, form, tmp_path, MEMBERS)
        load = Load(redis.url, seed=1, pause_s=0.02)
        try:
            for member in stand.members:
                member.ready()
            callers = [Caller(stand.redis_url, operation) for operation in ("update", "get")]
            load.start()
            wait_until(lambda: load.sent > 50, DEADLINE_S, "the load")
            stand.go_away(0)
            for member in stand.members:
                member.age()
            wait_until(lambda: not stand.ill(), DEADLINE_S, "a beat of each in the outage")
            for member in stand.members:
                member.child.terminate()
            for member in stand.members:
                member.child.wait(GRACE_S)
                member.begin_again()
            wait_until(lambda: not stand.ill(), DEADLINE_S, "a beat of each that began in the outage")
            stand.come_back()
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
                assert caller.took_s < DEADLINE_S, caller.met
            load.stop()
            stand.inspect(load.traffic.model, DEADLINE_S).assert_clean()
        finally:
            stand.close()
