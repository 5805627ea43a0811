"""Redis servers, worker processes of `tests.transport.app`, and inboxes in the test's own process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.servers import ChildProcess, RedisServer, redis_by_age, start_redis
from tests.transport.elements import COMMANDS, QUERIES
from tests.transport.inboxes import MakeInbox, open_inbox
from tests.transport.workers import Service, StartWorker, start_app, wait_for
from worker.transport.inbox import Inbox


@pytest.fixture(scope="session")
def oldest_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    folder = tmp_path_factory.mktemp("oldest-redis")
    server = start_redis(folder, appendfsync=None, binary=redis_by_age()[0])
    yield server
    server.kill()


@pytest.fixture
def server(oldest_server: RedisServer) -> RedisServer:
    """The oldest supported redis-server, with nothing in it."""
    with redis.Redis.from_url(oldest_server.url) as client:
        client.flushall()
    return oldest_server


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A redis-server of the test's own, to be killed."""
    server = start_redis(tmp_path / "redis", appendfsync="always", binary=redis_by_age()[0])
    yield server
    server.kill()


@pytest.fixture
def url(server: RedisServer) -> str:
    return server.url


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture(scope="session")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("transport-service")
    server = start_redis(folder / "redis", appendfsync=None, binary=redis_by_age()[0])
    worker = start_app(server.url, f"{COMMANDS},{QUERIES}", folder / "worker.log", {})
    wait_for(worker)
    with redis.Redis.from_url(server.url) as client:
        yield Service(server, worker, client)
    worker.kill()
    server.kill()


@pytest.fixture
def service(own_service: Service) -> Service:
    """A worker that runs already, on a Redis of its own with nothing in it."""
    own_service.reset()
    return own_service


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers, which end with the test."""
    workers: list[ChildProcess] = []

    def start(
        url: str,
        queues: str = COMMANDS,
        *,
        ready: bool = True,
        lease_s: float = 1.5,
        max_deaths: int = 5,
        group_max: int = 256,
        without: str = "",
    ) -> ChildProcess:
        environment = {
            "TEST_LEASE_S": str(lease_s),
            "TEST_MAX_DEATHS": str(max_deaths),
            "TEST_GROUP_MAX": str(group_max),
            "TEST_WITHOUT": without,
        }
        log = tmp_path / f"worker-{len(workers)}.log"
        workers.append(start_app(url, queues, log, environment))
        if ready:
            wait_for(workers[-1])
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


@pytest.fixture
def make_inbox(server: RedisServer) -> Iterator[MakeInbox]:
    """Opens inboxes on ``server``, and closes them."""
    inboxes: list[Inbox] = []

    def make(renews: bool = True, **options: object) -> Inbox:
        inboxes.append(open_inbox(server, renews, **options))
        return inboxes[-1]

    yield make
    for inbox in inboxes:
        inbox.close()
