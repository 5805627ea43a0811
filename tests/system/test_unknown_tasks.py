"""A message that names no known task: answered where that is possible at once, and kept in any case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from redis import Redis

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


def kept(database: Database[dict[str, Any]]) -> dict[str, str]:
    """The reason of each dead letter, by the id of its command."""
    return {letter["command_id"]: letter["reason"] for letter in database["dead_letters"].find()}


@pytest.mark.parametrize("task", ["plugin.regster", "plugin.\ud800x", "\ud800", 5, None])
def test_its_sender_is_told(
    plugins_env: dict[str, str],
    broker: Redis,
    database: Database[dict[str, Any]],
    task: Any,
    tmp_path: Path,
) -> None:
    with run_worker("-Q", QUEUE, env=plugins_env, log=tmp_path / "worker.log") as worker:
        broker.lpush(QUEUE, message(task, {}, "1", QUEUE))
        wait_until(lambda: broker.exists("celery-task-meta-1"), DEADLINE_S, "the answer")
        answer = json.loads(str(broker.get("celery-task-meta-1")))
        assert answer["result"]["exc_type"] == "InvalidParameter"
        wait_until(lambda: kept(database) == {"1": "unknown_task"}, DEADLINE_S, "the dead letter")
        assert worker.running


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
        wait_until(lambda: kept(database) == dict.fromkeys(sent, "unknown_task"), DEADLINE_S, "dead letters")
        assert "the event loop stands still" not in worker.output()
