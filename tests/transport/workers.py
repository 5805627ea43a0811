"""Worker processes of `tests.transport.app`, and what they have left in Redis."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import redis

from tests.support import servers
from tests.support.servers import WORKER_READY, ChildProcess, RedisServer, wait_until
from tests.transport.elements import COMMANDS, elements

LEDGER = "test.ledger"
STARTED = "test.started"


class StartWorker(Protocol):
    def __call__(
        self,
        url: str,
        queues: str = COMMANDS,
        *,
        ready: bool = True,
        lease_s: float = 1.5,
        max_deaths: int = 5,
        group_max: int = 256,
        without: str = "",
    ) -> ChildProcess:
        """Start a worker of `queues` on the Redis at `url`, and wait until it consumes unless `ready` is false."""


def start_app(url: str, queues: str, log: Path, environment: Mapping[str, str]) -> ChildProcess:
    """Start a worker, without waiting for it."""
    env = {"TEST_REDIS_URL": url, **environment}
    return servers.start_worker("-Q", queues, app="tests.transport.app", env=env, log=log, ready=None)


def wait_for(worker: ChildProcess) -> None:
    """Wait until the worker consumes."""
    worker.wait_for_output(WORKER_READY)


@dataclass
class Service:
    """A Redis and one worker of both queues, for tests that do the worker no harm."""

    server: RedisServer
    worker: ChildProcess
    client: redis.Redis
    _said: int = field(default=0, init=False)

    def reset(self) -> None:
        """Forget everything, and start the worker again if it has ended."""
        if not self.worker.running:
            self.worker.start()
            wait_for(self.worker)
        self.client.flushall()
        self._said = len(self.worker.output())

    def output(self) -> str:
        """What the worker has said since then."""
        return self.worker.output()[self._said :]

    def push(self, *raw: bytes, queue: str = COMMANDS) -> None:
        self.client.lpush(queue, *raw)


def is_owner(client: redis.Redis, worker: ChildProcess, queue: str = COMMANDS) -> bool:
    """Whether the worker holds the lease of the queue."""
    owner = client.hget(f"{queue}:lease", "owner")
    return f":{worker.pid}:".encode() in (owner or b"")


def ledger(client: redis.Redis, key: str = LEDGER) -> list[str]:
    """What the tasks wrote, in their order."""
    return [entry.decode() for entry in elements(client, key)]


def wait_for_ledger(client: redis.Redis, count: int, timeout_s: float = 60.0) -> None:
    """Wait until so many tasks have written into the ledger."""
    wait_until(lambda: client.llen(LEDGER) >= count, timeout_s, f"{count} tasks to run")


def let_go(client: redis.Redis, number: int) -> None:
    """Let the task `number` end that holds or waits."""
    client.set(f"test.go:{number}", 1)


def leftovers(client: redis.Redis, queue: str = COMMANDS) -> int:
    """How many of the queue's keys are there, while it is being worked on."""
    return int(client.exists(queue, f"{queue}:unacked", f"{queue}:returned", f"{queue}:waiting"))


@contextmanager
def heartbeats(service: Service) -> Iterator[Iterator[Any]]:
    """What the worker tells of itself every two seconds, None while it tells nothing."""
    client: Any = service.client
    with client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe("/0.celeryev/worker.heartbeat")
        yield iter(partial(heard.get_message, timeout=0.1), object())
