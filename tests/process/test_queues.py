"""The queues of a deployment, as operators see them."""

from typing import Any

import pytest
import redis

from contracts.partition import COMMANDS
from tests.process.conftest import lease
from worker.process.queues import Queues
from worker.tasks.broker import BrokerUnavailable


@pytest.fixture
def queues(client: Any) -> Queues:
    return Queues(client)


def test_statuses(client: Any, queues: Queues) -> None:
    lease(client, "plugin.commands.0", 60)
    client.lpush("plugin.commands.0", b"1", b"2")
    client.lpush("plugin.commands.0\x06\x169", b"3")
    client.hset("plugin.commands.1:unacked", "tag", b"raw")
    client.lpush("plugin.queries:poison", b"x")
    seconds, _ = client.time()
    client.zadd("plugin.queries:consumers", {"alive": (seconds + 60) * 1000, "gone": (seconds - 60) * 1000})
    statuses = {status.queue: status for status in queues.statuses(2)}
    assert list(statuses) == [
        "plugin.commands",
        "plugin.commands.0",
        "plugin.commands.1",
        "plugin.queries",
        "plugin.versions",
    ]
    owned = statuses["plugin.commands.0"]
    assert (owned.owner, owned.epoch, owned.waiting, owned.lengths[9]) == ("host:1:abc", 7, 3, 1)
    assert 50 < owned.owned_for_s <= 60
    assert (statuses["plugin.commands.1"].unacked, statuses["plugin.commands.1"].owner) == (1, None)
    assert (statuses["plugin.queries"].parked, statuses["plugin.queries"].consumers) == (1, ("alive",))


def test_a_redis_that_refuses_writes_is_told_as_an_outage(client: Any, queues: Queues) -> None:
    client.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(BrokerUnavailable):
            queues.push(COMMANDS, b"{}")
    finally:
        client.replicaof("NO", "ONE")


def test_a_bug_is_no_outage_that_would_be_waited_for(client: Any, queues: Queues) -> None:
    client.set(COMMANDS, "a text where a list belongs")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        queues.push(COMMANDS, b"{}")
