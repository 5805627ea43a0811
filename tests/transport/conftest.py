import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.transport.inboxes import open_inbox
from tests.transport.transport_harness import Server, Worker, oldest_binary, task_message
from worker.transport.inbox import Inbox


@pytest.fixture(scope="session")
def oldest_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(oldest_binary(), tmp_path_factory.mktemp("redis62"))
    yield server
    server.kill()


@pytest.fixture
def server(oldest_server: Server) -> Server:
    """The oldest supported redis-server, with nothing in it."""
    with redis.Redis.from_url(oldest_server.url) as client:
        client.flushall()
    return oldest_server


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[Server]:
    """A redis-server of the test's own, to be killed."""
    server = Server(oldest_binary(), tmp_path)
    yield server
    server.kill()


@pytest.fixture
def client(server: Server) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def start(url: str, queues: str = "test.commands", *options: str, **environment: str) -> Worker:
        worker = Worker(url, tmp_path / f"worker-{len(workers)}.log", queues, environment, *options)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        if worker.alive:
            worker.signal(signal.SIGCONT)
            worker.kill()


@pytest.fixture
def send(client: "redis.Redis") -> Callable[..., str]:
    """Pushes a task message as a stock publisher does; returns its id."""

    def push(task: str, number: Any = None, queue: str = "test.commands", **changes: Any) -> str:
        message = task_message(task, number, **changes)
        client.lpush(queue, json.dumps(message))
        return str(message["headers"]["id"])

    return push


@pytest.fixture
def make_inbox(server: Server) -> Iterator[Callable[..., Inbox]]:
    """Opens inboxes on ``server``, and closes them."""
    inboxes: list[Inbox] = []

    def make(**options: Any) -> Inbox:
        inboxes.append(open_inbox(server, **options))
        return inboxes[-1]

    yield make
    for inbox in inboxes:
        inbox.close()
