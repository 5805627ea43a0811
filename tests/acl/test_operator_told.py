"""What `plugins doctor` says as the operator's user, who may not ask for everything."""

from redis.exceptions import NoPermissionError

from tests.support.guarded import GuardedRedis
from worker.cli.operate.doctor.finding import Check, Finding
from worker.cli.operate.doctor.servers import inspect_redis
from worker.services import Services
from worker.settings import Settings
from worker.tasks.broker import BrokerUnavailable


def test_what_the_operator_may_not_ask_for_is_no_trouble(guarded: GuardedRedis) -> None:
    with guarded.client("operator") as client:
        found = {each.check: each for each in inspect_redis(client, ["broker", "results", "events"])}
        assert client.dbsize() == 0
    assert found["redis_durability"].level == "ok"
    told = "append-only file (appendfsync unknown: its user may not ask for it)"
    assert found["redis_durability"].text == told
    assert guarded.denied() == []


def test_a_refused_check_names_the_user_whose_rights_it_needs() -> None:
    def refused(_: Services) -> list[Finding]:
        raise BrokerUnavailable("refused") from NoPermissionError("User x has no permissions")

    (found,) = Check("queues", refused).findings(Services(Settings()))
    assert "those of `operator`" in found.advice
