"""A group seen from outside: what Celery tells of its commands, and what it costs MongoDB."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from tests.support.messages import message
from tests.support.servers import ChildProcess, run_worker, wait_until
from tests.system.stand import QUEUE, registration, standing

DEADLINE_S = 60


@pytest.fixture
def broker(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def control(redis_url: str) -> Iterator[Celery]:
    with Celery(broker=redis_url, set_as_current=False) as app:
        yield app


class Events(Thread):
    """Receives task events: by the id of the command, in order."""

    def __init__(self, app: Celery) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.ready = self.ended = False
        self._app = app

    def run(self) -> None:
        with self._app.connection_for_read() as connection:
            receiver = self._app.events.Receiver(connection, handlers={"*": self._take})
            while not self.ended:
                try:
                    for _ in receiver.consume(limit=None, timeout=0.5, wakeup=not self.ready):
                        self.ready = True
                except TimeoutError:
                    self.ready = True

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"].startswith("task-"):
            self.seen[event["uuid"]].append(event)

    def kinds(self, command_id: str) -> list[str]:
        return [event["type"] for event in self.seen[command_id]]


@pytest.fixture
def events(control: Celery) -> Iterator[Events]:
    receiving = Events(control)
    receiving.start()
    yield receiving
    receiving.ended = True
    receiving.join()


def answered(broker: Redis, *command_ids: str) -> None:
    keys = [f"celery-task-meta-{command_id}" for command_id in command_ids]
    wait_until(lambda: broker.exists(*keys) == len(keys), DEADLINE_S, "the answers")


def of_one_group(first: str = "") -> list[tuple[str, bytes]]:
    """Commands with their names, and a batch."""
    jira = {"domain_id": "d", "plugin_id": "jira"}
    items = [{"id": "item", "operation": "plugin.register", "params": registration("d", "slack")}]
    commands: list[tuple[str, dict[str, Any]]] = [
        ("plugin.register", registration("d", "jira")),
        ("plugin.disable", jira),
        ("plugin.enable", jira | {"plugin_id": "nobody"}),
        ("plugin.batch", {"commands": items}),
        ("plugin.update", jira | {"name": "J"}),
    ]
    return [
        (task, message(task, kwargs, f"c-{number}", QUEUE)) for number, (task, kwargs) in enumerate(commands)
    ]


def test_events_tell_of_each_command_by_its_name(
    plugins_env: dict[str, str], broker: Redis, events: Events, tmp_path: Path
) -> None:
    sent = of_one_group()
    wait_until(lambda: events.ready, DEADLINE_S, "the receiver")
    broker.lpush(QUEUE, *(raw for _, raw in sent))
    with run_worker("-Q", QUEUE, "-E", env=plugins_env, log=tmp_path / "worker.log") as worker:
        answered(broker, *(f"c-{number}" for number in range(5)))
        wait_until(lambda: len(events.kinds("c-4")) == 3, DEADLINE_S, "the events")
        for number, (task, _) in enumerate(sent):
            end = "task-failed" if number == 2 else "task-succeeded"
            assert events.kinds(f"c-{number}") == ["task-received", "task-started", end]
            seen = events.seen[f"c-{number}"]
            assert seen[0]["name"] == task
            assert {event["hostname"] for event in seen} == {worker.name}
        assert events.seen["c-2"][2]["exception"] == "PluginNotFound"
        assert all(event["runtime"] >= 0 for event in events.seen["c-4"] if "runtime" in event)
        # Data of callers is in none of them.
        assert "slack" not in str(dict(events.seen))


def test_what_is_in_hand_is_shown_by_its_name(
    redis_url: str, mongodb_url: str, broker: Redis, control: Celery, tmp_path: Path
) -> None:
    with standing(redis_url, mongodb_url, tmp_path) as stand:
        stand.env["PLUGINS_REMOTE_CONTROL"] = "1"
        stand.ready(1)
        stand.arm("before_write", action="hang")
        sent = of_one_group()
        broker.lpush(QUEUE, *(raw for _, raw in sent))
        worker = stand.fired()
        active = inspect(control, worker).active()[worker.name]
        assert sorted((task["id"], task["name"]) for task in active) == [
            (f"c-{number}", task) for number, (task, _) in enumerate(sent)
        ]
        # Data of callers is in none of them.
        assert "slack" not in str(active)
        (found,) = inspect(control, worker).query_task(["c-3"])[worker.name].values()
        assert found[0] == "active" and "slack" not in str(found)
        # Flower asks for all of these.
        stats = inspect(control, worker).stats()[worker.name]
        assert sum(stats["total"].values()) == 5
        for method in ("active_queues", "conf", "registered", "revoked", "scheduled", "reserved"):
            assert worker.name in getattr(inspect(control, worker), method)()
        worker.kill()
        stand.ready(1)
        answered(broker, *(f"c-{number}" for number in range(5)))
        owner = stand.running()[0]
        wait_until(lambda: not broker.exists(f"{QUEUE}:unacked"), DEADLINE_S, "the settlement")
        assert inspect(control, owner).active()[owner.name] == []
        assert inspect(control, owner).reserved()[owner.name] == []


def inspect(control: Celery, worker: ChildProcess) -> Any:
    return control.control.inspect(destination=[worker.name], timeout=10.0, limit=1)


@pytest.mark.parametrize("size", [1, 20, 200])
def test_a_group_costs_mongodb_one_read_and_one_write(
    plugins_env: dict[str, str], broker: Redis, tmp_path: Path, size: int
) -> None:
    """And no read where this owner wrote last."""
    sent, app = Sender(broker), "tests.system.counting_app"
    with run_worker("-Q", QUEUE, env=plugins_env, log=tmp_path / "worker.log", app=app) as worker:
        registrations = [("plugin.register", registration("d", f"p{number}")) for number in range(size)]
        assert sent.cost(worker, registrations) == ["find", "update"]
        updates = [
            ("plugin.update", {"domain_id": "d", "plugin_id": f"p{number}", "name": "N"})
            for number in range(size)
        ]
        assert sent.cost(worker, [*updates, updates[0]]) == ["update"]
        # What leads to no write is read: it may have changed since.
        assert sent.cost(worker, updates) == ["find"]


class Sender:
    """Sends groups, and reads in the log of the worker what they cost."""

    def __init__(self, broker: Redis) -> None:
        self._broker = broker
        self._count = 0

    def cost(self, worker: ChildProcess, commands: list[tuple[str, dict[str, Any]]]) -> list[str]:
        """The commands that MongoDB was sent by the thread that applies a group of these."""
        wait_until(lambda: not self._broker.exists(f"{QUEUE}:unacked"), DEADLINE_S, "rest")
        before = len(worker.output())
        ids = [f"c-{self._count + number}" for number in range(len(commands))]
        self._count += len(commands)
        raws = [
            message(task, kwargs, command_id, QUEUE)
            for (task, kwargs), command_id in zip(commands, ids, strict=True)
        ]
        self._broker.lpush(QUEUE, *raws)
        answered(self._broker, *ids)
        said: Callable[[str], list[str]] = re.compile(
            r"MONGODB (\w+) by (?:ThreadPoolExecutor|ahead)\S*"
        ).findall
        return said(worker.output()[before:])
