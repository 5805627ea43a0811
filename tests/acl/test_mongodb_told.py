"""A MongoDB that refuses the user, or what it needs, is told as that: at the start, later, and by doctor."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner

from contracts.client import PluginClient
from tests.support.servers import (
    ChildProcess,
    RedisServer,
    free_port,
    run_worker,
    start_redis,
    start_worker,
    wait_until,
)
from worker.cli.main import main
from worker.devtools.embedded.binaries import find_mongod

USERS = {"plugins": "readWrite", "reader": "read"}
TOLD_RIGHT = "MongoDB refuses this user update on plugins.plugins"
TOLD_LOGIN = "MongoDB refuses the user or the password of its URL"


class Mongo:
    """A mongod that asks for passwords."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "db").mkdir(parents=True)
        self.arguments = [
            *(str(find_mongod().path), "--port", str(self.port), "--dbpath", str(folder / "db")),
            *("--bind_ip", "127.0.0.1"),
        ]
        self.folder = folder
        with ChildProcess(self.arguments, log=folder / "init.log"), self._client() as client:
            client.admin.command({"createUser": "root", "pwd": "secret", "roles": ["root"]})
            for user, role in USERS.items():
                client.plugins.command({"createUser": user, "pwd": "secret", "roles": [role]})

    def _client(self, **login: Any) -> pymongo.MongoClient[Any]:
        return pymongo.MongoClient("127.0.0.1", self.port, directConnection=True, **login)

    def admin(self) -> pymongo.MongoClient[Any]:
        return self._client(username="root", password="secret")

    def url(self, user: str, password: str = "secret") -> str:
        login = f"{user}:{password}@" if user else ""
        return f"mongodb://{login}127.0.0.1:{self.port}/plugins?directConnection=true&retryWrites=false"


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongo]:
    made = Mongo(tmp_path_factory.mktemp("mongo"))
    with ChildProcess([*made.arguments, "--auth"], log=made.folder / "log"):
        yield made


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """No other commands worker takes what is sent to it."""
    server = start_redis(tmp_path_factory.mktemp("redis"), appendfsync=None)
    yield server
    server.stop()


def environment(redis: RedisServer, url: str) -> dict[str, str]:
    return {"PLUGINS_REDIS_URL": redis.url, "PLUGINS_MONGODB_URL": url}


LOGINS = [
    pytest.param("plugins", "wrong", TOLD_LOGIN, id="wrong password"),
    pytest.param("nobody", "secret", TOLD_LOGIN, id="no such user"),
    pytest.param("", "", "MongoDB asks for a user, and its URL names none", id="no user"),
    pytest.param("reader", "secret", TOLD_RIGHT, id="a reader"),
]


@pytest.mark.parametrize(("user", "password", "told"), LOGINS)
def test_a_worker_does_not_start(
    mongo: Mongo, redis: RedisServer, tmp_path: Path, user: str, password: str, told: str
) -> None:
    env = environment(redis, mongo.url(user, password))
    worker = start_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log", ready=None)
    wait_until(lambda: not worker.running, 60, "its end")
    assert told in worker.output()
    assert "secret" not in worker.output()


def test_a_right_that_is_taken_away_is_waited_for(mongo: Mongo, redis: RedisServer, tmp_path: Path) -> None:
    env = environment(redis, mongo.url("plugins"))
    roles = {"updateUser": "plugins"}
    with (
        mongo.admin() as admin,
        run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "commands.log") as commands,
        run_worker("-Q", "plugin.queries", env=env, log=tmp_path / "queries.log") as queries,
        PluginClient(redis.url) as client,
    ):
        admin.plugins.command({**roles, "roles": []})
        fields: dict[str, Any] = {"name": "J", "service_type": "x.Y", "image": "acme/jira"}
        sent = client.send("register", domain_id="d-1", **fields)
        client.send("list", domain_id="d-1", query={})
        commands.wait_for_output(f"{sent} waits: MongoDB refuses this user")
        queries.wait_for_output("answered STORE_UNAVAILABLE: MongoDB refuses this user find on plugins.")
        admin.plugins.command({**roles, "roles": ["readWrite"]})
        found = client.ask("register", domain_id="d-1", **fields, command_id=sent, timeout_s=60)
        assert found["revision"] == 1
    assert "ERROR" in next(line for line in commands.output().splitlines() if "refuses this user" in line)


@pytest.mark.parametrize(("user", "password", "told"), LOGINS)
def test_the_doctor_tells_it(mongo: Mongo, redis: RedisServer, user: str, password: str, told: str) -> None:
    env = environment(redis, mongo.url(user, password))
    result = CliRunner().invoke(main, ["doctor", "--json"], env=env, catch_exceptions=False)
    findings = json.loads(result.output)["findings"]
    (found,) = [each for each in findings if each["subject"] == "mongodb" and told in each["text"]]
    assert found["level"] == "fail"
    assert found["details"]["state"] == ("no_right" if user == "reader" else "wrong_login")
    assert found["advice"]
