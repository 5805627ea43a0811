"""Fixtures of the whole suite: real servers, shared by the session and clean for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from pymongo import MongoClient
from redis import Redis

from tests.support.live import live, own_redis
from tests.support.servers import MongoReplicaSet, RedisServer, start_mongod, start_redis
from tests.support.tiers import (
    pytest_collection_modifyitems,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)

__all__ = [
    "live",
    "own_redis",
    "pytest_collection_modifyitems",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
]

_databases = itertools.count(1)

# How long an example takes says more of the machine than of the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the logs are: of the last three runs, a folder for each test."""
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]  # pytest sets it
    terminalreporter.write_line(f"Logs of servers and workers: {factory.getbasetemp()}")


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> None:
    """Settings of the shell never reach a test: tests empty the databases they are given."""
    for name in [name for name in os.environ if name.startswith("PLUGINS_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's redis-server, not to be killed: tests that kill start their own by `servers`."""
    server = start_redis(tmp_path_factory.mktemp("redis"), appendfsync=None)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mongodb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoReplicaSet]:
    """The session's mongod, a replica set of one. Not to be killed, as above."""
    server = start_mongod(tmp_path_factory.mktemp("mongodb") / "data")
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """URL of an empty database of a real Redis."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def mongodb_url(mongodb_server: MongoReplicaSet) -> Iterator[str]:
    """URL of a real MongoDB (replica set of one) with a database of this test alone; dropped afterwards."""
    name = f"plugins_{next(_databases)}"
    url = mongodb_server.url(name)
    yield url
    client: MongoClient[dict[str, object]]
    with MongoClient(url) as client:
        client.drop_database(name)


@pytest.fixture
def plugins_env(redis_url: str, mongodb_url: str) -> dict[str, str]:
    """The environment of a worker on the session's servers, for `servers.run_worker(env=...)`."""
    return {"PLUGINS_REDIS_URL": redis_url, "PLUGINS_MONGODB_URL": mongodb_url}
