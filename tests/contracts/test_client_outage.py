"""`contracts.client` and a Redis that dies, comes back, or refuses writes."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from contracts.client import PluginClient, RedisUnavailable
from tests.support.servers import RedisServer, free_port, wait_until

GET: dict[str, Any] = {"domain_id": "d", "plugin_id": "jira"}
ANSWERS = "celery-task-meta-*"


def test_a_redis_that_dies_while_an_answer_is_waited_for_is_told_as_that(mortal_redis: RedisServer) -> None:
    url = mortal_redis.url
    with PluginClient(url) as client, ThreadPoolExecutor(1) as thread, Redis.from_url(url) as redis:
        asked = thread.submit(client.ask, "get", domain_id="d", plugin_id="jira", timeout_s=60)
        wait_until(lambda: redis.llen("plugin.queries"), 60, "the question")
        wait_until(lambda: redis.pubsub_channels("celery-task-meta-*"), 60, "the wait for its answer")
        mortal_redis.kill()
        with pytest.raises(RedisUnavailable):
            asked.result()


@pytest.mark.parametrize("how", ["ask", "batch"])
def test_no_answer_is_waited_for_to_what_could_not_be_sent(mortal_redis: RedisServer, how: str) -> None:
    url = mortal_redis.url
    with PluginClient(url) as client, ThreadPoolExecutor(1) as thread, Redis.from_url(url) as redis:
        mortal_redis.kill()
        with pytest.raises(RedisUnavailable):
            if how == "ask":
                client.ask("get", **GET)
            else:
                client.batch([{"operation": "enable", "params": GET}])
        mortal_redis.start()
        asked = thread.submit(client.ask, "get", command_id="kept", timeout_s=60, **GET)
        wait_until(lambda: redis.pubsub_channels(ANSWERS), 60, "the wait for its answer")
        redis.client_kill_filter(_type="pubsub")
        waited_for = wait_until(lambda: redis.pubsub_channels(ANSWERS), 60, "the wait after the reconnect")
        answer: dict[str, Any] = {
            "task_id": waited_for[0].decode().removeprefix("celery-task-meta-"),
            "status": "SUCCESS",
            "result": "jira",
            "traceback": None,
            "children": [],
        }
        redis.publish(waited_for[0], json.dumps(answer))
        assert asked.result() == "jira"
    assert [channel.startswith(b"celery-task-meta-kept:") for channel in waited_for] == [True]


@pytest.mark.parametrize("how", ["ask", "send"])
def test_a_redis_that_refuses_writes_is_unavailable(mortal_redis: RedisServer, how: str) -> None:
    with PluginClient(mortal_redis.url) as client, Redis.from_url(mortal_redis.url) as redis:
        redis.replicaof("127.0.0.1", free_port())
        with pytest.raises(RedisUnavailable):
            getattr(client, how)("enable", command_id="c", **GET)
