"""A task on a queue where it does not belong: refused at once, with nothing done and nothing kept."""

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from redis import Redis

from tests.support.messages import message
from tests.support.servers import WORKER_READY, MongoReplicaSet, run_worker, start_redis, wait_until
from tests.system.stand import registration
from worker.app import create_app
from worker.settings import Settings
from worker.tasks.belong import QUEUE_OF_TASK

DEADLINE_S = 60
QUEUES = ("plugin.commands", "plugin.queries", "plugin.versions")
NAMED = {"domain_id": "d", "plugin_id": "p"}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "plugin.register": registration("d", "p"),
    "plugin.batch": {
        "commands": [{"id": "i", "operation": "plugin.register", "params": registration("d", "p")}]
    },
    "plugin.list": {"domain_id": "d"},
    "plugin.stat": {"domain_id": "d", "query": {"aggregate": [{"count": {"name": "n"}}]}},
    "plugin.versions.tick": {},
    "plugin.versions.refresh": {
        "host": "registry.hub.docker.com",
        "images": ["images/registry.hub.docker.com/acme/p"],
        "lease": "f" * 32,
    },
    "plugin.versions.follow": {"images": []},
}

_ids = itertools.count(1)

WRONG = [(task, queue) for task, belongs in QUEUE_OF_TASK.items() for queue in QUEUES if queue != belongs]


@dataclass(frozen=True)
class Service:
    """Where the servers of the module's workers are."""

    redis_url: str
    mongodb_url: str

    @property
    def env(self) -> dict[str, str]:
        return {"PLUGINS_REDIS_URL": self.redis_url, "PLUGINS_MONGODB_URL": self.mongodb_url}


def answer_to(broker: Redis, task: str, queue: str, **headers: Any) -> Any:
    """The answer to a message of `task` on `queue`, which its sender wants."""
    sent = f"wrong-{next(_ids)}"
    broker.lpush(queue, message(task, ARGUMENTS.get(task, NAMED), sent, queue, **headers))
    key = f"celery-task-meta-{sent}"
    wait_until(lambda: broker.exists(key), DEADLINE_S, f"the answer to {task} on {queue}")
    wait_until(lambda: not broker.exists(f"{queue}:unacked"), DEADLINE_S, "its settlement")
    return json.loads(str(broker.get(key)))


@pytest.fixture(scope="module")
def service(mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A worker of each queue, and nothing that changes by itself: no image to follow, no dead message to drain."""
    folder = tmp_path_factory.mktemp("task-queues")
    redis = start_redis(folder / "redis", appendfsync=None)
    try:
        service = Service(redis.url, mongodb_server.url(f"task_queues_{redis.port}"))
        with ExitStack() as stack:
            workers = [
                stack.enter_context(
                    run_worker("-Q", queue, env=service.env, log=folder / f"{queue}.log", ready=None)
                )
                for queue in QUEUES
            ]
            for worker in workers:
                worker.wait_for_output(WORKER_READY)
            yield service
    finally:
        redis.stop()


def test_every_task_belongs_on_a_queue() -> None:
    with create_app(Settings()) as app:
        assert set(app.tasks) == set(QUEUE_OF_TASK)


@pytest.mark.parametrize(("task", "queue"), WRONG)
def test_a_task_on_a_wrong_queue_is_refused(service: Service, task: str, queue: str) -> None:
    with (
        Redis.from_url(service.redis_url, decode_responses=True) as broker,
        MongoClient[dict[str, Any]](service.mongodb_url) as client,
    ):
        database = client.get_default_database()
        names = ("plugins", "images", "dead_letters")
        before = {name: list(database[name].find()) for name in names}
        rejections = broker.xlen("plugin.rejections")
        answer = answer_to(broker, task, queue)
        assert answer["status"] == "FAILURE"
        assert answer["result"]["exc_type"] == "InvalidParameter"
        text, code, details = answer["result"]["exc_message"]
        assert (code, details["path"]) == ("INVALID_PARAMETER", "queue")
        assert text == f"{task} belongs on {QUEUE_OF_TASK[task]}, not on {queue}"
        assert {name: list(database[name].find()) for name in names} == before
        assert broker.xlen("plugin.rejections") == rejections
        for name in QUEUES:
            assert not broker.exists(name, f"{name}:unacked", f"{name}:poison")


def test_one_worker_of_every_queue_goes_by_the_queue_of_the_message(
    plugins_env: dict[str, str], redis_url: str, tmp_path: Path
) -> None:
    with (
        run_worker("-Q", ",".join(QUEUES), env=plugins_env, log=tmp_path / "worker.log"),
        Redis.from_url(redis_url, decode_responses=True) as broker,
    ):
        assert answer_to(broker, "plugin.register", "plugin.commands")["status"] == "SUCCESS"
        assert answer_to(broker, "plugin.get", "plugin.queries")["status"] == "SUCCESS"
        assert answer_to(broker, "plugin.versions.tick", "plugin.versions")["status"] == "SUCCESS"
        for task, queue in WRONG:
            answer = answer_to(broker, task, queue)
            assert answer["result"]["exc_message"][2]["path"] == "queue"


@pytest.mark.parametrize(
    ("task", "queue"), [("plugin.versions.tick", "plugin.queries"), ("plugin.list", "plugin.versions")]
)
def test_without_the_rule_it_is_carried_out(
    plugins_env: dict[str, str], redis_url: str, tmp_path: Path, task: str, queue: str
) -> None:
    env = plugins_env | {"TEST_WITHOUT": "queue_of_task", "TEST_POINT": str(tmp_path / "point")}
    with (
        run_worker("-Q", queue, app="tests.system.points_app", env=env, log=tmp_path / "worker.log"),
        Redis.from_url(redis_url, decode_responses=True) as broker,
    ):
        assert answer_to(broker, task, queue)["status"] == "SUCCESS"
