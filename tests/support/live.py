"""A whole service for tests that speak to it as any caller would: its own Redis, one worker for the commands
and one for the queries.

All tests share the one service, and keep apart by `domain`, which is another one for each test: a conftest that
needs it has `from tests.support.live import client, domain`.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from redis import Redis

from contracts.client import PluginClient
from tests.support.servers import (
    WORKER_READY,
    ChildProcess,
    MongoReplicaSet,
    RedisServer,
    start_redis,
    start_worker,
)

_domains = itertools.count(1)


@dataclass(frozen=True)
class Live:
    """A running service. `commands` may be stopped and started by a test that puts it back."""

    redis_url: str
    mongodb_url: str
    commands: ChildProcess
    queries: ChildProcess

    @property
    def env(self) -> dict[str, str]:
        return {"PLUGINS_REDIS_URL": self.redis_url, "PLUGINS_MONGODB_URL": self.mongodb_url}

    def client(self) -> PluginClient:
        return PluginClient(self.redis_url)

    def redis(self) -> Redis:
        return Redis.from_url(self.redis_url, decode_responses=True)


@pytest.fixture(scope="session")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that other tests do not empty."""
    server = start_redis(tmp_path_factory.mktemp("live-redis"), appendfsync=None)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def live(
    own_redis: RedisServer, mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """The service, ready."""
    folder = tmp_path_factory.mktemp("live")
    mongodb_url = mongodb_server.url(f"live_{own_redis.port}")
    env = {"PLUGINS_REDIS_URL": own_redis.url, "PLUGINS_MONGODB_URL": mongodb_url}
    commands = start_worker("-Q", "plugin.commands", env=env, log=folder / "commands.log", ready=None)
    queries = start_worker(
        "-Q", "plugin.queries", "--concurrency", "4", env=env, log=folder / "queries.log", ready=None
    )
    try:
        for worker in (commands, queries):
            worker.ready = WORKER_READY
            worker.wait_for_output(WORKER_READY)
        yield Live(own_redis.url, mongodb_url, commands, queries)
    finally:
        commands.stop(timeout_s=60)
        queries.stop(timeout_s=60)


@pytest.fixture
def domain() -> str:
    """A domain that no other test uses."""
    return f"domain-{next(_domains)}"


@pytest.fixture
def client(live: Live) -> Iterator[PluginClient]:
    with live.client() as client:
        yield client
