"""A message that names no known task: answered where that is possible at once, and kept in any case."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from redis import Redis

from tests.support.live import Live
from tests.support.messages import message
from tests.support.servers import RedisServer, run_worker, start_redis, wait_until

DEADLINE_S = 60
QUEUE = "plugin.commands"


@pytest.fixture
def results(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "results")
    yield server
    server.resume()
    server.kill()


@pytest.fixture
def broker(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client.get_default_database()


def kept(database: Database[dict[str, Any]], *command_ids: str) -> dict[str, str]:
    """The reason of each dead letter of these commands, by the id of the command."""
    letters = database["dead_letters"].find({"command_id": {"$in": command_ids}})
    return {letter["command_id"]: letter["reason"] for letter in letters}


@pytest.mark.parametrize("task", ["plugin.regster", "plugin.\ud800x", "\ud800", 5, None])
def test_its_sender_is_told(live: Live, task: Any) -> None:
    sent = str(uuid4())
    with live.redis() as broker, MongoClient[dict[str, Any]](live.mongodb_url) as client:
        broker.lpush(QUEUE, message(task, {}, sent, QUEUE))
        wait_until(lambda: broker.exists(f"celery-task-meta-{sent}"), DEADLINE_S, "the answer")
        answer = json.loads(str(broker.get(f"celery-task-meta-{sent}")))
        assert answer["result"]["exc_type"] == "InvalidParameter"
        database = client.get_default_database()
        wait_until(lambda: kept(database, sent) == {sent: "unknown_task"}, DEADLINE_S, "the dead letter")
    assert live.commands.running


def test_a_redis_of_the_answers_that_hangs_does_not_hold_up_the_worker(
    plugins_env: dict[str, str],
    broker: Redis,
    database: Database[dict[str, Any]],
    results: RedisServer,
    tmp_path: Path,
) -> None:
    env = plugins_env | {"PLUGINS_RESULTS_URL": results.url}
    with run_worker("-Q", QUEUE, env=env, log=tmp_path / "worker.log") as worker:
        results.pause()
        sent = [str(number) for number in range(8)]
        for command_id in sent:
            broker.lpush(QUEUE, message("plugin.regster", {}, command_id, QUEUE))
        expected = dict.fromkeys(sent, "unknown_task")
        wait_until(lambda: kept(database, *sent) == expected, DEADLINE_S, "dead letters")
        assert "the event loop stands still" not in worker.output()
