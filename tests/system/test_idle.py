"""What a worker asks of Redis while there is nothing to do."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.support.servers import run_worker, wait_until

WATCHED_S = 6.0


@pytest.fixture
def broker(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def calls(broker: Redis) -> int:
    """How many commands Redis has carried out, those in scripts included."""
    return sum(int(of_one["calls"]) for of_one in broker.info("commandstats").values())


@pytest.mark.parametrize(
    ("queue", "membership", "before_groups"),
    [("plugin.commands", "lease", 20.4), ("plugin.queries", "consumers", 12.8)],
)
def test_an_idle_worker_asks_redis_no_more_than_before_there_were_groups(
    plugins_env: dict[str, str],
    broker: Redis,
    queue: str,
    membership: str,
    before_groups: float,
    tmp_path: Path,
) -> None:
    """``before_groups``: commands a second, measured then; half as many again are let pass."""
    with run_worker("-Q", queue, env=plugins_env, log=tmp_path / "worker.log"):
        wait_until(lambda: broker.exists(f"{queue}:{membership}"), 60, "its first pop")
        # What it does once, at the start, is done.
        time.sleep(2)
        begun, done = time.monotonic(), calls(broker)
        time.sleep(WATCHED_S)
        rate = (calls(broker) - done) / (time.monotonic() - begun)
    assert rate < 1.5 * before_groups
