"""An outage of MongoDB or Redis costs time, not messages."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo import MongoClient

from contracts import errors
from contracts.client import PluginClient
from tests.support.servers import (
    MongoReplicaSet,
    RedisServer,
    run_worker,
    start_mongod,
    start_redis,
    wait_until,
)
from tests.system.stand import registration, standing
from worker.transport.options import DEFAULT_MAX_DEATHS as MAX_DEATHS

logger = logging.getLogger(__name__)

GOOD: dict[str, Any] = {"domain_id": "d-1", "name": "N", "service_type": "s"}
DEADLINE_S = 180


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MongoReplicaSet]:
    server = start_mongod(tmp_path / "mongodb")
    yield server
    server.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "redis", appendfsync="always")
    yield server
    server.stop()


@pytest.fixture
def client(broker: RedisServer, store: MongoReplicaSet, tmp_path: Path) -> Iterator[PluginClient]:
    env = {"PLUGINS_REDIS_URL": broker.url, "PLUGINS_MONGODB_URL": store.url("plugins")}
    with (
        run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "commands.log"),
        run_worker("-Q", "plugin.queries", "--concurrency", "2", env=env, log=tmp_path / "queries.log"),
        PluginClient(broker.url) as made,
    ):
        yield made


def revisions(broker: RedisServer) -> list[str]:
    with redis.Redis.from_url(broker.url, decode_responses=True) as stream:
        return [fields["id"] for _, fields in stream.xrange("plugin.events")]


def test_mongodb_goes_and_comes_back(
    client: PluginClient,
    broker: RedisServer,
    store: MongoReplicaSet,
) -> None:
    client.ask("register", image="acme/p0", timeout_s=DEADLINE_S, **GOOD)
    store.kill()
    sent = [client.send("register", image=f"acme/p{n}", **GOOD) for n in range(1, 6)]
    with pytest.raises(errors.StoreUnavailable):
        client.ask("get", domain_id="d-1", plugin_id="p0", timeout_s=DEADLINE_S)
    store.start()
    store.wait_for_primary()
    back = time.monotonic()
    wait_until(lambda: len(revisions(broker)) == 6, DEADLINE_S, "every command's event")
    logger.warning("resumed after %.2f s", time.monotonic() - back)
    assert revisions(broker) == [f"d-1/p{n}@1" for n in range(6)]
    with MongoClient[dict[str, Any]](store.url("plugins")) as mongo:
        assert mongo["plugins"]["dead_letters"].count_documents({}) == 0
        applied = [d["applied"] for d in mongo["plugins"]["plugins"].find({"revision": 1}).sort("_id", 1)]
    assert [ids[0] for ids in applied[1:]] == sent


def test_workers_killed_in_an_outage_park_nothing(
    broker: RedisServer, store: MongoReplicaSet, tmp_path: Path
) -> None:
    """Each of them in the middle of a try that would have come to nothing."""
    with standing(broker.url, store.url("plugins"), tmp_path) as stand:
        store.kill()
        stand.send("1", "register", **registration("d", "jira"))
        for _ in range(MAX_DEATHS):
            stand.arm("before_read", 2)
            stand.start()
            assert stand.fired().returncode == -9
        store.start()
        store.wait_for_primary()
        stand.start()
        stand.answered("1", within_s=DEADLINE_S)
        stand.inspect().assert_clean()


def test_redis_goes_and_comes_back(client: PluginClient, broker: RedisServer) -> None:
    for number in range(3):
        client.send("register", image=f"acme/p{number}", **GOOD)
    broker.kill()
    broker.start()
    back = time.monotonic()
    wait_until(lambda: len(revisions(broker)) == 3, DEADLINE_S, "every command's event")
    logger.warning("resumed after %.2f s", time.monotonic() - back)
    assert client.ask("list", domain_id="d-1", timeout_s=DEADLINE_S)["total_count"] == 3
