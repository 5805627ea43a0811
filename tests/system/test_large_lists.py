"""Many large lists, which their callers never read, in a Redis of 256 MB: it is never full, and others are served."""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from contracts.client import PluginClient
from tests.support.messages import message
from tests.support.servers import (
    MongoReplicaSet,
    RedisServer,
    redis_by_age,
    run_worker,
    start_redis,
    wait_until,
)
from worker.tasks.answer_store import COUNTED_ANSWERS

logger = logging.getLogger(__name__)

pytestmark = pytest.mark.process

COMMANDS, QUERIES = "plugin.commands", "plugin.queries"
LISTS = int(os.environ.get("TEST_LISTS", "60"))
"""How many are asked for; without a budget 45 of them fill the Redis."""
AT_ONCE = 4
"""How many wait for the worker: it is not the number of questions that others wait for."""
PLUGINS = 15
TEXT = "x" * 350_000


@dataclass
class Seen:
    """What was seen while the lists were answered: memory in bytes, times in seconds."""

    memory: int = 0
    waits: list[float] = field(default_factory=list)


@pytest.fixture(params=[0, -1], ids=["oldest", "newest"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    binary = redis_by_age()[request.param]
    made = start_redis(tmp_path / "redis", appendfsync=None, maxmemory="256mb", binary=binary)
    yield made
    made.stop()


def _register(client: PluginClient, domain: str, count: int, text: str) -> None:
    for number in range(count):
        params: dict[str, Any] = {
            "domain_id": domain,
            "name": "n",
            "service_type": "x.Y",
            "tags": {"t": text},
        }
        client.ask("register", timeout_s=60, image=f"acme/p{number}", **params)


def _ask_for_lists(redis: Redis, client: PluginClient) -> Seen:
    seen, sent = Seen(), 0
    while sent < LISTS or redis.llen(QUERIES):
        while sent < LISTS and redis.llen(QUERIES) < AT_ONCE:
            redis.lpush(QUERIES, message("plugin.list", {"domain_id": "large"}, f"list-{sent}", QUERIES))
            sent += 1
        begun = time.monotonic()
        client.ask("get", timeout_s=60, domain_id="other", plugin_id="p0")
        seen.waits.append(time.monotonic() - begun)
        info: Any = redis.info("memory")
        seen.memory = max(seen.memory, info["used_memory"], info["used_memory_peak"])
    return seen


def test_many_large_lists_do_not_fill_a_redis_of_256_mb(
    server: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    env = {
        "PLUGINS_REDIS_URL": server.url,
        "PLUGINS_MONGODB_URL": mongodb_server.url(f"large_{server.port}"),
    }
    with (
        run_worker("-Q", COMMANDS, env=env, log=tmp_path / "commands.log"),
        run_worker("-Q", QUERIES, "--concurrency", "16", env=env, log=tmp_path / "queries.log") as queries,
        Redis.from_url(server.url, decode_responses=True) as redis,
        PluginClient(server.url) as client,
    ):
        _register(client, "large", PLUGINS, TEXT)
        _register(client, "other", 1, "small")
        redis.config_resetstat()
        seen = _ask_for_lists(redis, client)
        megabytes = seen.memory / 2**20
        logger.info("Redis %s: %.2f s, %.0f MB", server.binary.version_text, max(seen.waits), megabytes)
        wait_until(lambda: not redis.exists(f"{QUERIES}:unacked"), 60, "the last lists")
        assert queries.running
        # Every list was answered: none of them waits for room.
        last = [redis.strlen(f"celery-task-meta-list-{n}") for n in range(LISTS)]
        kept = [size for size in last if size > 5_000_000]
        assert 0 < sum(kept) <= 32 * 1024 * 1024
        assert int(redis.zcard(COUNTED_ANSWERS)) == len(kept) + 1
        assert redis.info("errorstats").get("errorstat_OOM") is None
    logs = (tmp_path / "queries.log").read_text()
    assert "the answer to" not in logs, "no answer waited"
    assert logs.count("plugin.list[list-") >= LISTS
    assert seen.memory < 200 * 2**20
