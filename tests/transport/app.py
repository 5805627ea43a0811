"""The small app that the tests of the transport run in real worker processes.

Everything it does is told by the environment, and what it did is written to a Redis list, the ledger.
"""

# mypy: disallow-untyped-decorators=False
# Celery is untyped, and so are its decorators.

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import redis
from celery import Celery
from celery.exceptions import Ignore, Reject

from contracts._redis.url import tls_of
from tests.support.seams import take_out
from tests.transport.protections import PROTECTIONS
from worker.transport import Delivery, Group, Options, install
from worker.transport.consumer import Consumer as LosslessConsumer
from worker.transport.protocol import MessageLimits
from worker.transport.request import Request

URL = os.environ["TEST_REDIS_URL"]
LEDGER = "test.ledger"

app = Celery("transport")
app.conf.update(
    result_backend=URL,
    worker_pool="threads",
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=True,
    task_acks_late=True,
    broker_url=URL,
    broker_use_ssl=tls_of(URL) or False,
    task_default_queue="test.commands",
)

_local = threading.local()


def ledger() -> redis.Redis:
    if not hasattr(_local, "client"):
        _local.client = redis.Redis.from_url(URL)
    client: redis.Redis = _local.client
    return client


class Consumer(LosslessConsumer):
    """Notes in the ledger what it answers, and lets the tasks of a group see it."""

    def apply_group(self, group: Group, requests: Sequence[Request]) -> None:
        _local.group = group
        super().apply_group(group, requests)

    def answer_unknown_tasks(self, deliveries: Sequence[Delivery]) -> None:
        ledger().rpush("test.answered", *(delivery.envelope.id for delivery in deliveries))


def in_hand() -> Group:
    """The group that the task of this thread belongs to."""
    group: Group = _local.group
    return group


install(
    app,
    URL,
    Options(
        exclusive=("test.commands", "test.commands.*"),
        shared=("test.queries",),
        lease_s=float(os.environ.get("TEST_LEASE_S", "1.5")),
        max_deaths=int(os.environ.get("TEST_MAX_DEATHS", "5")),
        group_max=int(os.environ.get("TEST_GROUP_MAX", "256")),
        limits=MessageLimits(64 * 1024, {"test.batch": 256 * 1024}),
    ),
    timeouts={"socket_timeout": 10, "socket_connect_timeout": 3, "health_check_interval": 5},
    consumer=f"{__name__}:Consumer",
)


def started(delivery: Delivery, number: int) -> None:
    ledger().rpush("test.started", f"{number}:{int(delivery.redelivered)}:{delivery.deaths}")


def is_let_go(number: int) -> bool:
    """Whether the test lets go what waits for it; not while Redis is away."""
    with suppress(redis.RedisError):
        return bool(ledger().exists(f"test.go:{number}"))
    return False


def finish(number: object) -> None:
    """Writes the number into the ledger, as soon as Redis takes it."""
    while True:
        with suppress(redis.RedisError):
            ledger().rpush(LEDGER, str(number))
            return
        time.sleep(0.05)


@app.task(bind=True, name="test.note")
def note(self: Any, number: int = -1, **rest: Any) -> None:
    """Writes the number into the ledger at once."""
    delivery = self.request.get("delivery")
    if delivery is not None and delivery.envelope.refusal is not None:
        ledger().rpush("test.refused", f"{self.request.id}:{delivery.envelope.refusal.reason}")
        return
    finish(number)


@app.task(name="test.batch")
def batch(**rest: Any) -> None:
    finish("batch")


@app.task(bind=True, name="test.hold")
def hold(self: Any, number: int) -> None:
    """Takes until it is let go, whatever its process is told."""
    started(self.request.delivery, number)
    while not is_let_go(number):
        time.sleep(0.02)
    finish(number)


@app.task(bind=True, name="test.wait")
def wait(self: Any, number: int) -> None:
    """Waits until it is let go, as a command does in an outage; given back when its process is told to end."""
    delivery: Delivery = self.request.delivery
    delivery.waiting()
    started(delivery, number)
    while not is_let_go(number):
        if in_hand().pause(0.05):
            raise Reject("stopping", requeue=True)
    finish(number)


@app.task(bind=True, name="test.die")
def die(self: Any) -> None:
    """Kills its worker."""
    ledger().rpush("test.started", "die")
    os.kill(os.getpid(), 9)


@app.task(bind=True, name="test.forward")
def forward(self: Any, number: int, to: str) -> None:
    self.request.delivery.forward(to)
    raise Ignore


@app.task(bind=True, name="test.back")
def back(self: Any, number: int) -> None:
    """Gives itself back once."""
    delivery: Delivery = self.request.delivery
    ledger().rpush(LEDGER, f"{number}:{int(delivery.redelivered)}")
    if not delivery.redelivered:
        raise Reject("once more", requeue=True)


@app.task(bind=True, name="test.fenced")
def fenced(self: Any, number: int) -> None:
    """Raises its epoch, and says what Redis says of the lease."""
    group = in_hand()
    before = group.epoch
    after = group.raise_epoch(before + 5)
    ledger().rpush(LEDGER, f"{after - before}:{int(group.holds_lease())}")


@app.task(bind=True, name="test.surrender")
def surrender(self: Any, number: int) -> None:
    """Gives the lease up the first time."""
    delivery: Delivery = self.request.delivery
    ledger().rpush(LEDGER, f"{number}:{os.getpid()}:{int(delivery.redelivered)}")
    if not delivery.redelivered:
        in_hand().give_up()
        raise Ignore


@app.task(name="test.broken", ignore_result=False)
def broken() -> Any:
    """Returns what no result backend can store."""
    return {object()}


take_out(PROTECTIONS, os.environ.get("TEST_WITHOUT", ""))
