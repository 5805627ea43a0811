"""Changing the number of partitions, while nothing is on its way."""

from typing import Any

import pytest
import redis

from contracts.partition import COMMANDS
from tests.process.conftest import lease
from worker.process.partitions import PARTITIONS, InUse, Partitions
from worker.tasks.broker import BrokerUnavailable


@pytest.fixture
def partitions(client: Any) -> Partitions:
    return Partitions(client)


@pytest.mark.parametrize(
    "queue", ["plugin.commands", "plugin.commands.1", "plugin.commands.3", "plugin.commands.7"]
)
@pytest.mark.parametrize(
    "obstacle", ["", "\x06\x163", "\x06\x166", "\x06\x169", ":unacked", ":poison", ":lease"]
)
def test_the_number_changes_only_while_no_queue_old_new_or_other_is_in_use(
    client: Any, partitions: Partitions, queue: str, obstacle: str
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
        partitions.change(4)
    assert refused.value.key == key
    assert partitions.number() == 2
    client.delete(key)
    partitions.change(4)
    assert partitions.number() == 4


def test_queues_of_the_old_number_alone_are_in_the_way_too(client: Any, partitions: Partitions) -> None:
    client.set(PARTITIONS, 4)
    client.lpush("plugin.commands.3", b"raw")
    with pytest.raises(InUse, match=r"plugin\.commands\.3"):
        partitions.change(2)
    assert partitions.number() == 4


def test_what_a_worker_that_ended_leaves_of_its_lease_is_not_in_the_way(
    client: Any, partitions: Partitions
) -> None:
    client.hset(f"{COMMANDS}:lease", "epoch", 7)
    lease(client, f"{COMMANDS}.0", -1)
    partitions.change(2)
    assert partitions.number() == 2


def test_shared_queues_are_not_in_the_way(client: Any, partitions: Partitions) -> None:
    client.lpush("plugin.queries", b"raw")
    partitions.change(3)
    assert partitions.number() == 3


def test_a_redis_that_lost_the_number_is_told_it_again(client: Any, partitions: Partitions) -> None:
    assert partitions.agree(4) == 4
    assert partitions.number() == 4
    assert partitions.agree(2) == 4
    assert partitions.number() == 4


def test_a_redis_that_is_away_is_told_as_an_outage() -> None:
    with redis.Redis(port=1) as nobody, pytest.raises(BrokerUnavailable):
        Partitions(nobody).number()


def test_what_is_no_number_is_none_and_is_told(
    client: Any, partitions: Partitions, caplog: pytest.LogCaptureFixture
) -> None:
    for forged in ("abc", "nan", "0", "-1", "1.5", " 3", "3\n", "9" * 400, b"\xff", "0x3"):
        client.set("plugin.commands:partitions", forged)
        caplog.clear()
        assert partitions.agree(3) == 3
        assert partitions.number() is None
        assert "is no number of partitions" in caplog.text
    client.hset("plugin.commands:lease", mapping={"owner": "mallory", "until": "abc"})
    partitions.change(2)
    assert partitions.number() == 2
