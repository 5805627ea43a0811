"""What `plugins doctor` says as the operator's user, who may not ask for everything."""

from tests.support.guarded import GuardedRedis
from worker.cli.operate.doctor.servers import inspect_redis


def test_what_the_operator_may_not_ask_for_is_no_trouble(guarded: GuardedRedis) -> None:
    with guarded.client("operator") as client:
        found = {each.check: each for each in inspect_redis(client, ["broker", "results", "events"])}
        assert client.dbsize() == 0
    assert found["redis_durability"].level == "ok"
    told = "append-only file (appendfsync unknown: its user may not ask for it)"
    assert found["redis_durability"].text == told
    assert guarded.denied() == []
