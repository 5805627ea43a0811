"""Heartbeats of real processes: they come from the loop that does the work, and from nothing else."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from tests.support.servers import RedisServer, run_worker, start_beat, start_redis, wait_until
from worker.cli.operate.healthcheck import healthcheck
from worker.process.heartbeat import STALE_S


@pytest.fixture
def beats(tmp_path: Path) -> Path:
    return tmp_path / "beats"


@pytest.fixture
def env(plugins_env: dict[str, str], beats: Path) -> dict[str, str]:
    return plugins_env | {
        "PLUGINS_HEARTBEAT_DIR": str(beats),
        "PLUGINS_LEASE_S": "1.5",
    }


@pytest.fixture
def healthy(beats: Path) -> Callable[[], bool]:
    env = {"PLUGINS_HEARTBEAT_DIR": str(beats)}
    return lambda: CliRunner().invoke(healthcheck, env=env).exit_code == 0


def make_stale(beats: Path) -> None:
    """As if the process had not beaten for long: only its loop can make it well again."""
    for path in beats.glob("*.json"):
        moment = path.stat().st_mtime - STALE_S - 60
        os.utime(path, (moment, moment))


@pytest.mark.parametrize("queue", ["plugin.commands", "plugin.queries"])
def test_a_worker_beats_from_its_event_loop(
    queue: str, env: dict[str, str], beats: Path, healthy: Callable[[], bool], tmp_path: Path
) -> None:
    with run_worker("-Q", queue, env=env, log=tmp_path / "worker.log"):
        assert healthy()
        make_stale(beats)
        wait_until(healthy, 60)
    assert not list(beats.glob("*.json"))


def test_a_worker_whose_main_thread_hangs_is_unhealthy_though_its_threads_live(
    env: dict[str, str], beats: Path, healthy: Callable[[], bool], tmp_path: Path, redis_url: str
) -> None:
    with run_worker(
        "-Q", "plugin.commands", env=env, log=tmp_path / "worker.log", app="tests.system.hanging_app"
    ) as worker:
        assert healthy()
        with redis.Redis.from_url(redis_url) as client:

            def until() -> int:
                return int(client.hget("plugin.commands:lease", "until") or 0)

            # Only what has been taken is renewed, and the worker knows that it has it once it has renewed it.
            taken = wait_until(until, 60, "the lease")
            begun = wait_until(lambda: until() > taken and until(), 60, "a renewal")
            worker.signal(signal.SIGIO)
            # By then a loop that turned would have beaten several times.
            wait_until(lambda: until() > begun + 3000, 60)
            make_stale(beats)
            again = until()
            wait_until(lambda: until() > again + 4000, 60)
        assert not healthy()
        worker.kill()
    assert not healthy()


def test_beat_beats_with_its_ticks(
    env: dict[str, str], beats: Path, healthy: Callable[[], bool], tmp_path: Path
) -> None:
    beat = start_beat(env=env, log=tmp_path / "beat.log")
    try:
        wait_until(healthy, 60)
        # Paused, for a tick between the two lines would make it well again.
        for _ in range(2):
            beat.pause()
            make_stale(beats)
            assert not healthy()
            beat.resume()
            wait_until(healthy, 60)
    finally:
        beat.stop(timeout_s=60)


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()


def test_waiting_for_redis_is_no_hang(
    env: dict[str, str],
    beats: Path,
    healthy: Callable[[], bool],
    tmp_path: Path,
    mortal_redis: RedisServer,
) -> None:
    env["PLUGINS_REDIS_URL"] = mortal_redis.url
    with run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log") as worker:
        mortal_redis.kill()
        wait_until(lambda: "no connection to" in worker.output(), 60)
        make_stale(beats)
        wait_until(healthy, 60)
        mortal_redis.start()
        make_stale(beats)
        wait_until(healthy, 60)
