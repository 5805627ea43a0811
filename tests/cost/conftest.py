"""A process that takes messages off its queues and carries them out in the thread of the test."""

import ctypes
import gc
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from contracts._redis.waits import Waits
from contracts.partition import COMMANDS, QUERIES
from tests.cost.writes import DOMAIN, LARGE, LONG_NUMBERS, NUMBERED
from tests.plugins.writes import register
from tests.store.catalogue import document
from tests.support.commands import apply, by
from tests.support.servers import MongoReplicaSet, RedisServer
from worker.process.garbage import collect_less_garbage
from worker.services import Services
from worker.settings import Settings
from worker.tasks.announce import Announcer
from worker.tasks.answer_store import AnswerStore
from worker.tasks.commands import CommandTask, register_commands
from worker.tasks.groups import GroupRun
from worker.tasks.queries import register_queries
from worker.tasks.single import SingleRun
from worker.transport.inbox import Inbox
from worker.transport.options import Options
from worker.transport.protocol import Envelope, MessageLimits, parse_envelope
from worker.transport.request import Request

PLUGINS = 10_000
MANY = 60
"""How many plugins take much more memory in a process than in the store."""
NUMBERS = 40
"""How many plugins of long numbers are larger than an answer may be."""

LIMITS = MessageLimits(max_bytes_by_task={"plugin.batch": 4 * 2**20})
_REFERENCE = [{"k": str(number), "v": [number, number / 3]} for number in range(4_000)]
_REFERENCE_S = 0.016 / 3
"""What the reference work takes on the machine that the limits were measured on, in seconds."""
_libc = ctypes.CDLL(None)


@dataclass
class Spent:
    """What some work took: the processor time of its thread, and the most memory that came to the process."""

    seconds: float = 0.0
    megabytes: float = 0.0


def slowness() -> float:
    """How much longer this processor takes now than one that does nothing else, at least 1: a busy neighbour on the
    same core doubles the time of a thread.
    """
    gc.disable()  # it would go through all that the process has
    try:
        return max(1.0, min(_work_s() for _ in range(5)) / _REFERENCE_S)
    finally:
        gc.enable()


def _work_s() -> float:
    begun = time.thread_time()
    json.loads(json.dumps(_REFERENCE))
    return time.thread_time() - begun


@contextmanager
def measured() -> Iterator[Spent]:
    """Measure what is done in this thread."""
    spent = Spent()
    gc.collect()
    _libc.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, begun = _memory("VmRSS"), time.thread_time()
    try:
        yield spent
    finally:
        spent.seconds = time.thread_time() - begun
        spent.megabytes = _memory("VmHWM") - before


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


logger = logging.getLogger(__name__)


class App(Celery):  # type: ignore[misc]  # celery is untyped
    """The tasks, with these services."""

    def __init__(self, services: Services) -> None:
        super().__init__("test", set_as_current=False)
        self.services = services
        register_commands(self)
        register_queries(self)


class Process:
    """What a worker has. Its thread does what an event loop and a pool do for one message."""

    def __init__(self, redis_url: str, mongodb_url: str) -> None:
        self.services = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
        self.app = App(self.services)
        with redis.Redis.from_url(redis_url) as client:
            connection = client.get_connection_kwargs()
        server = {name: connection[name] for name in ("host", "port", "db")}
        self._inbox = Inbox(server, Options(exclusive=(COMMANDS,), shared=(QUERIES,), limits=LIMITS))
        self._inbox._renewal.last_beat = -1e9
        made = self.services
        self._answers = AnswerStore.of(made)
        self._announcer = Announcer(made.redis, self._answers, made.publisher, made.rejections)

    def close(self) -> None:
        self._inbox.close()
        self.services.close()

    def carry_out(self, raw: bytes, queue: str) -> str:
        """Take a message off its queue, and do with it what a worker does; return what came of it."""
        made = self.services
        made.redis.lpush(queue, raw)
        group = self._inbox.exchange(self._inbox.leases.begin(queue), 256)
        assert group is not None
        (delivery,) = group.deliveries
        envelope = parse_envelope(delivery.raw, LIMITS)
        if not isinstance(envelope, Envelope):
            delivery.park(envelope.reason, envelope.detail)
            group.flush()
            made.parking.keep("id", "task", queue, delivery.raw, ValueError(envelope.reason))
            return envelope.reason
        task = self.app.tasks.get(envelope.task)
        if task is None:
            delivery.ack()
            group.flush()
            return "unknown"
        delivery.envelope = envelope
        request = Request(delivery, envelope, app=self.app, hostname="test", task=task)
        if isinstance(task, CommandTask):
            GroupRun(made, self._announcer, group, [request]).run()
        else:
            SingleRun(self._answers, request, Waits(logger)).run()
        group.flush()
        answer: str = made.results.get(f"celery-task-meta-{envelope.id}").decode()
        made.results.delete(f"celery-task-meta-{envelope.id}")
        return answer


@pytest.fixture(scope="module")
def process(redis_server: RedisServer, mongodb_server: MongoReplicaSet) -> Iterator[Process]:
    """A process of the module, with large plugins."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    made = Process(redis_server.url, mongodb_server.url("cost"))
    labels = ["l" * 3] * 160_000
    for name in (LARGE, *(f"{LARGE}{n}" for n in range(10))):
        command = register(f"acme/{name}", domain_id=DOMAIN, name="zz", labels=labels)
        apply(made.services, command, by(f"r-{name}"))
    objects: dict[str, Any] = {"l": [{}] * 150_000}
    for number in range(MANY):
        command = register(f"acme/many{number}", domain_id=DOMAIN, name="zz", tags=objects)
        apply(made.services, command, by(f"r-many{number}"))
    for number in range(NUMBERS):
        command = register(f"acme/numbers{number}", domain_id=NUMBERED, name="zz", tags={"l": LONG_NUMBERS})
        apply(made.services, command, by(f"r-numbers{number}"))
    made.services.database["plugins"].insert_many(document(number, DOMAIN) for number in range(PLUGINS))
    usual = gc.get_threshold()
    collect_less_garbage()
    yield made
    gc.set_threshold(*usual)
    gc.unfreeze()
    made.services.database.client.drop_database("cost")
    made.close()
