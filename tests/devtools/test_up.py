"""`plugins up` and `plugins down`: real servers, stand-ins for the workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.support.servers import (
    ChildProcess,
    MongoReplicaSet,
    RedisServer,
    free_port,
    is_running,
    wait_until,
)
from worker.devtools.embedded import port_is_free

pytestmark = pytest.mark.process

# Says hello in Redis, and says goodbye there when it gets SIGTERM: it needs Redis until its end.
STAND_IN = """
import os, signal, sys, time
from redis import Redis
from pymongo import MongoClient
client = Redis.from_url(os.environ["PLUGINS_REDIS_URL"])
MongoClient(os.environ["PLUGINS_MONGODB_URL"]).get_default_database().things.insert_one({})
def end(number, frame):
    client.incr("ended")
    print("stand-in ends", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
client.rpush("pids", os.getpid())
print("stand-in runs", flush=True)
time.sleep(600)
"""


def plugins(*arguments: str, log: Path, env: dict[str, str] | None = None) -> ChildProcess:
    return ChildProcess([sys.executable, "-m", "worker.cli", *arguments], log=log, env=env)


class Trial:
    """A data folder with free ports, in which `plugins up` can be started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.redis_port = free_port()
        self.mongodb_port = free_port()
        self.children: list[ChildProcess] = []
        (folder / "stand_in.py").write_text(STAND_IN)
        self.procfile("one: python stand_in.py", "two: python stand_in.py")

    def procfile(self, *lines: str) -> None:
        (self.folder / "Procfile").write_text("\n".join(lines) + "\n")

    def up(self, *options: str, **env: str) -> ChildProcess:
        child = plugins(
            "up",
            *options,
            f"--redis-port={self.redis_port}",
            f"--mongodb-port={self.mongodb_port}",
            f"--data-dir={self.data}",
            f"--procfile={self.folder / 'Procfile'}",
            log=self.folder / f"up{len(self.children)}.log",
            env=env,
        )
        self.children.append(child)
        return child.start()

    def redis(self) -> Redis:
        return Redis(port=self.redis_port)

    def pids(self, count: int) -> list[int]:
        with self.redis() as client:

            def told() -> list[bytes]:
                # Redis itself may have to start first.
                with suppress(RedisError):
                    found = client.lrange("pids", 0, -1)
                    return found if len(found) >= count else []
                return []

            return [int(pid) for pid in wait_until(told, 120, f"{count} stand-ins")]

    def is_over(self) -> bool:
        return port_is_free(self.redis_port) and port_is_free(self.mongodb_port)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    trial = Trial(tmp_path)
    yield trial
    for child in trial.children:
        if child.running:
            child.stop()


def test_it_runs_everything_and_ends_in_order(trial: Trial) -> None:
    up = trial.up("--verbose")
    up.wait_for_output("Ready: one, two.")
    pids = trial.pids(2)

    assert f"redis://127.0.0.1:{trial.redis_port}/0" in up.output()
    assert f"mongodb://127.0.0.1:{trial.mongodb_port}/plugins?replicaSet=rs0" in up.output()
    up.wait_for_output("one | stand-in runs")
    up.wait_for_output("two | stand-in runs")

    beats = f"PLUGINS_HEARTBEAT_DIR={trial.data / 'heartbeats'}"
    for pid in pids:
        assert beats in Path(f"/proc/{pid}/environ").read_text().split("\0")
    assert f"export {beats}" in up.output()

    up.signal(signal.SIGINT)
    assert up.wait() == 0
    assert "two | stand-in ends" in up.output()
    assert not any(is_running(pid) for pid in pids)
    assert trial.is_over()

    again = trial.up()
    again.wait_for_output("Ready: one, two.")
    before, _ = again.output().split("\n\nReady: ")
    assert [line.split()[0] for line in before.splitlines()] == ["Redis", "MongoDB", "one", "two"]
    trial.pids(4)
    assert "stand-in" not in again.output(), "without --verbose it is in the logs alone"
    with trial.redis() as client:
        assert client.get("ended") == b"2", "the servers must outlive the workers and keep their data"
    assert (trial.data / "logs" / "one.log.1").read_text().splitlines() == ["stand-in runs", "stand-in ends"]


def test_its_folder_is_for_its_user_alone(trial: Trial) -> None:
    """Whatever the umask, and in a folder that was made by somebody else's rules."""
    trial.data.mkdir()
    trial.data.chmod(0o755)
    before = os.umask(0o022)
    try:
        up = trial.up()
    finally:
        os.umask(before)
    up.wait_for_output("Ready: ", 60)
    assert up.stop() == 0
    found = {path: path.stat().st_mode & 0o077 for path in trial.data.rglob("*")}
    assert {path.name for path in found} >= {
        "redis",
        "mongodb",
        "logs",
        "one.log",
        "redis.log",
        "mongodb.log",
    }
    assert [path for path, mode in found.items() if mode] == []


def test_a_killed_process_and_a_killed_server_run_again_and_it_is_told(trial: Trial) -> None:
    up = trial.up()
    os.kill(trial.pids(2)[0], signal.SIGKILL)
    up.wait_for_output("has ended (killed by signal 9); starting it again in 0.5 s")
    assert len(set(trial.pids(3))) == 3
    up.wait_for_output("runs again as process")

    with trial.redis() as client:
        redis_pid = client.info("server")["process_id"]
        # While its disk is busy it may hold back for two seconds what it has answered.
        wait_until(lambda: client.info("persistence")["aof_buffer_length"] == 0)
    os.kill(redis_pid, signal.SIGKILL)
    up.wait_for_output("redis has ended (killed by signal 9)")
    up.wait_for_output("redis runs again")
    assert len(trial.pids(3)) == 3


def test_a_process_that_cannot_run_ends_it_all(trial: Trial) -> None:
    trial.procfile("one: python stand_in.py", "bad: sh -c 'echo the setting is wrong; exit 3'")
    up = trial.up()
    assert up.wait() == 1
    assert "bad | the setting is wrong" in up.output()
    assert "bad ended at once (exit status 3)" in up.output()
    assert trial.is_over()


def test_killed_itself_it_leaves_nothing_and_the_next_one_works(trial: Trial) -> None:
    up = trial.up()
    pids = trial.pids(2)
    up.kill()
    wait_until(lambda: not any(is_running(pid) for pid in pids), what="the end of the stand-ins")

    again = trial.up()
    again.wait_for_output("Ready: one, two.")
    assert len(trial.pids(4)) >= 4


def test_a_second_one_in_the_folder_is_refused_and_down_ends_the_first(trial: Trial) -> None:
    up = trial.up()
    up.wait_for_output("Ready:")
    second = trial.up()
    assert second.wait() == 1
    assert f"process {up.pid} already runs in {trial.data}" in second.output()
    assert up.running

    down = plugins("down", f"--data-dir={trial.data}", log=trial.folder / "down.log").start()
    assert down.wait() == 0
    assert up.wait() == 0
    assert trial.is_over()


def test_down_where_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "up.lock").write_text("1\n")
    down = plugins("down", f"--data-dir={tmp_path}", log=tmp_path / "log").start()
    assert down.wait() == 0
    assert "Nothing runs" in down.output()


@pytest.mark.parametrize(
    ("product", "of", "words"),
    [
        ("Redis", lambda trial: trial.redis_port, "make up REDIS_PORT=N"),
        ("MongoDB", lambda trial: trial.mongodb_port, "make up MONGODB_PORT=N"),
    ],
)
def test_a_taken_port_is_told(trial: Trial, product: str, of: Callable[[Trial], int], words: str) -> None:
    with socket.create_server(("127.0.0.1", of(trial))):
        up = trial.up()
        assert up.wait() == 1
    assert f"port {of(trial)} of 127.0.0.1, meant for {product}, is taken" in up.output()
    assert words in up.output()
    assert trial.is_over()


def test_servers_that_are_named_are_used_and_none_is_started(
    trial: Trial, redis_server: RedisServer, mongodb_server: MongoReplicaSet, redis_url: str
) -> None:
    url = redis_url.replace("redis://", "redis://default:secret@")
    with Redis.from_url(redis_url) as client:
        client.acl_setuser("default", enabled=True, passwords=["+secret"], nopass=False)
        try:
            up = trial.up("-v", PLUGINS_REDIS_URL=url, PLUGINS_MONGODB_URL=mongodb_server.url("given"))
            up.wait_for_output("one | stand-in runs")
            up.wait_for_output("two | stand-in runs")
            assert trial.is_over()
            shown = (
                f"redis://127.0.0.1:{redis_server.port}/0  (PLUGINS_REDIS_URL: joining the deployment there)"
            )
            assert shown in up.output()
            assert "--redis-port or REDIS_PORT is not used: PLUGINS_REDIS_URL is set" in up.output()
            assert "--mongodb-port or MONGODB_PORT is not used: PLUGINS_MONGODB_URL is set" in up.output()
            assert "--appendfsync is not used" not in up.output(), "it was not given"
            up.wait_for_output("Ready: one, two.")
            assert up.stop(timeout_s=120) == 0
            assert "# PLUGINS_REDIS_URL, PLUGINS_MONGODB_URL: as in this one" in up.output()
            assert "secret" not in up.output()
        finally:
            client.acl_setuser("default", enabled=True, nopass=True, reset_passwords=True)
        assert client.get("ended") == b"2"


def test_a_named_server_that_does_not_answer_is_told_without_its_password(trial: Trial) -> None:
    up = trial.up(PLUGINS_REDIS_URL=f"redis://:secret@127.0.0.1:{trial.redis_port}/0")
    assert up.wait() == 1
    assert f"redis://127.0.0.1:{trial.redis_port}/0 does not answer" in up.output()
    assert "secret" not in up.output()


def test_help_imports_neither_celery_nor_the_stores() -> None:
    code = (
        "import sys, worker.cli; from click.testing import CliRunner;"
        "assert CliRunner().invoke(worker.cli.main, ['--help']).exit_code == 0;"
        "print([name for name in ('celery', 'pymongo', 'redis', 'pydantic') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
