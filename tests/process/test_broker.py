"""The broker as tools see it: its queues, and changing the number of partitions."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from contracts.partition import COMMANDS
from worker.process.broker import PARTITIONS, Broker, BrokerUnavailable, InUse


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as made:
        yield made


@pytest.fixture
def broker(client: Any) -> Broker:
    return Broker(client)


def lease(client: Any, queue: str, seconds: float) -> None:
    now, micros = client.time()
    until = now * 1000 + micros // 1000 + int(seconds * 1000)
    client.hset(f"{queue}:lease", mapping={"owner": "host:1:abc", "epoch": 7, "until": until})


@pytest.mark.parametrize(
    "queue", ["plugin.commands", "plugin.commands.1", "plugin.commands.3", "plugin.commands.7"]
)
@pytest.mark.parametrize(
    "obstacle", ["", "\x06\x163", "\x06\x166", "\x06\x169", ":unacked", ":poison", ":lease"]
)
def test_the_number_changes_only_while_no_queue_old_new_or_other_is_in_use(
    client: Any, broker: Broker, queue: str, obstacle: str
) -> None:
    client.set(PARTITIONS, 2)
    key = queue + obstacle
    if obstacle == ":lease":
        lease(client, queue, 60)
    elif obstacle == ":unacked":
        client.hset(key, "tag", b"raw")
    else:
        client.lpush(key, b"raw")
    with pytest.raises(InUse) as refused:
        broker.set_partitions(4)
    assert refused.value.key == key
    assert broker.partitions() == 2
    client.delete(key)
    broker.set_partitions(4)
    assert broker.partitions() == 4


def test_queues_of_the_old_number_alone_are_in_the_way_too(client: Any, broker: Broker) -> None:
    client.set(PARTITIONS, 4)
    client.lpush("plugin.commands.3", b"raw")
    with pytest.raises(InUse, match=r"plugin\.commands\.3"):
        broker.set_partitions(2)
    assert broker.partitions() == 4


def test_what_a_worker_that_ended_leaves_of_its_lease_is_not_in_the_way(client: Any, broker: Broker) -> None:
    client.hset(f"{COMMANDS}:lease", "epoch", 7)
    lease(client, f"{COMMANDS}.0", -1)
    broker.set_partitions(2)
    assert broker.partitions() == 2


def test_shared_queues_are_not_in_the_way(client: Any, broker: Broker) -> None:
    client.lpush("plugin.queries", b"raw")
    broker.set_partitions(3)
    assert broker.partitions() == 3


def test_states(client: Any, broker: Broker) -> None:
    lease(client, "plugin.commands.0", 60)
    client.lpush("plugin.commands.0", b"1", b"2")
    client.lpush("plugin.commands.0\x06\x169", b"3")
    client.hset("plugin.commands.1:unacked", "tag", b"raw")
    client.lpush("plugin.queries:poison", b"x")
    seconds, _ = client.time()
    client.zadd("plugin.queries:consumers", {"alive": (seconds + 60) * 1000, "gone": (seconds - 60) * 1000})
    states = {state.queue: state for state in broker.states(2)}
    assert list(states) == [
        "plugin.commands",
        "plugin.commands.0",
        "plugin.commands.1",
        "plugin.queries",
        "plugin.versions",
    ]
    owned = states["plugin.commands.0"]
    assert (owned.owner, owned.epoch, owned.waiting, owned.lengths[9]) == ("host:1:abc", 7, 3, 1)
    assert 50 < owned.owned_for_s <= 60
    assert (states["plugin.commands.1"].unacked, states["plugin.commands.1"].owner) == (1, None)
    assert (states["plugin.queries"].parked, states["plugin.queries"].consumers) == (1, ("alive",))


def test_a_redis_that_lost_the_number_is_told_it_again(client: Any, broker: Broker) -> None:
    assert broker.agreed(4) == 4
    assert broker.partitions() == 4
    assert broker.agreed(2) == 4
    assert broker.partitions() == 4


def test_a_redis_that_is_away_is_told_as_an_outage() -> None:
    with redis.Redis(port=1) as nobody, pytest.raises(BrokerUnavailable):
        Broker(nobody).partitions()


def test_a_redis_that_refuses_writes_is_told_as_an_outage(client: Any, broker: Broker) -> None:
    client.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(BrokerUnavailable):
            broker.push(COMMANDS, b"{}")
    finally:
        client.replicaof("NO", "ONE")


def test_a_bug_is_no_outage_that_would_be_waited_for(client: Any, broker: Broker) -> None:
    client.set(COMMANDS, "a text where a list belongs")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        broker.push(COMMANDS, b"{}")
