"""A task on a queue where it does not belong: refused at once, with nothing done and nothing kept."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from redis import Redis

from tests.support.live import Live
from tests.support.messages import message
from tests.support.servers import run_worker, wait_until
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


def answer_to(broker: Redis, task: str, queue: str, **headers: Any) -> Any:
    """The answer to a message of `task` on `queue`, which its sender wants."""
    sent = f"wrong-{next(_ids)}"
    broker.lpush(queue, message(task, ARGUMENTS.get(task, NAMED), sent, queue, **headers))
    key = f"celery-task-meta-{sent}"
    wait_until(lambda: broker.exists(key), DEADLINE_S, f"the answer to {task} on {queue}")
    wait_until(lambda: not broker.exists(f"{queue}:unacked"), DEADLINE_S, "its settlement")
    return json.loads(str(broker.get(key)))


@pytest.fixture(scope="module")
def service(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The service, with a worker of the versions too."""
    log = tmp_path_factory.mktemp("versions") / "worker.log"
    with run_worker("-Q", "plugin.versions", env=live.env, log=log):
        yield live


def test_every_task_belongs_on_a_queue() -> None:
    with create_app(Settings()) as app:
        assert set(app.tasks) == set(QUEUE_OF_TASK)


@pytest.mark.parametrize(("task", "queue"), WRONG)
def test_a_task_on_a_wrong_queue_is_refused(service: Live, task: str, queue: str) -> None:
    with service.redis() as broker, MongoClient[dict[str, Any]](service.mongodb_url) as client:
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
