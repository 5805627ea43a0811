"""`plugins doctor` tells apart a Redis that is away, refuses the user or the login, is full, or read-only."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from tests.support.servers import RedisServer, free_port, start_redis, wait_until
from worker.cli.main import main

pytestmark = pytest.mark.process

SUBJECT = "redis (broker, results, events)"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = start_redis(tmp_path / "redis", maxmemory="64mb")
    yield made
    made.kill()


def fill(client: Any) -> str:
    client.config_set("maxmemory", client.info("memory")["used_memory"])
    return ""


def want_replicas(client: Any) -> str:
    client.config_set("min-replicas-to-write", 1)
    return ""


def follow(client: Any) -> str:
    client.replicaof("127.0.0.1", free_port())
    return ""


def forbid(client: Any) -> str:
    client.acl_setuser("few", enabled=True, passwords=["+s"], keys=["*"], commands=["+@all", "-llen"])
    return "few:s@"


def forbid_key(client: Any) -> str:
    keys = ["plugin.events*", "celery-task-meta-*"]
    client.acl_setuser("few", enabled=True, passwords=["+s"], keys=keys, commands=["+@all"])
    return "few:s@"


def protect(client: Any) -> str:
    client.acl_setuser("default", enabled=True, reset_passwords=True, passwords=["+s"])
    return ""


def change_password(client: Any) -> str:
    forbid(client)
    return "few:wrong@"


def findings(server: RedisServer, login: str) -> list[dict[str, Any]]:
    env = {
        "PLUGINS_REDIS_URL": server.url.replace("://", f"://{login}"),
        "PLUGINS_MONGODB_URL": "mongodb://127.0.0.1:1/plugins",
    }
    result = CliRunner().invoke(main, ["doctor", "--json", "--quick"], env=env, catch_exceptions=False)
    found: list[dict[str, Any]] = json.loads(result.output)["findings"]
    return [each for each in found if each["subject"] != "mongodb"]


@pytest.mark.parametrize(
    ("happens", "state", "told"),
    [
        (protect, "wrong_login", "the user or the password"),
        (change_password, "wrong_login", "the user or the password"),
        (forbid, "no_right", "LLEN on plugin.commands:"),
        (forbid_key, "no_right", "GET on plugin.commands:partitions:"),
        (fill, "full", "Redis is full"),
        (follow, "read_only", "a replica"),
        (want_replicas, "read_only", "too few replicas"),
    ],
)
def test_each_state_has_its_words_and_its_advice(
    server: RedisServer, happens: Callable[[Any], str], state: str, told: str
) -> None:
    with redis.Redis(port=server.port) as client:
        login = happens(client)
    found = [each for each in findings(server, login) if each.get("details", {}).get("state")]
    assert {each["details"]["state"] for each in found} == {state}
    assert all(each["level"] == "fail" and each["advice"] for each in found)
    assert told in found[0]["text"]
    assert "does not answer" not in found[0]["text"]


def test_one_that_is_away_is_told_so(server: RedisServer) -> None:
    server.kill()
    (found,) = [each for each in findings(server, "") if each["subject"] == SUBJECT]
    assert found["details"]["state"] == "away"
    assert "connection refused" in found["text"]


def test_the_probe_of_writes_changes_nothing(server: RedisServer) -> None:
    with redis.Redis(port=server.port) as client:
        client.rpush("plugin.events:bytes", "0 0")
        before = client.dump("plugin.events:bytes")
        assert not [each for each in findings(server, "") if each["check"] == "redis_writes"]
        assert client.dump("plugin.events:bytes") == before
        client.delete("plugin.events:bytes")
        findings(server, "")
        wait_until(lambda: client.dbsize() == 0, 5)
