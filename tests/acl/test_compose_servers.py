"""The servers as docker-compose.yml runs them, without Docker: their commands, users and passwords."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import redis
import yaml
from pymongo.errors import OperationFailure

from contracts.client import PluginClient
from deploy import env
from tests.support.guarded import redis_7
from tests.support.servers import ROOT, ChildProcess, free_port, run_worker, wait_until
from worker.devtools.embedded.binaries import find_mongod

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What `make env` writes, and where: ROOT."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "deploy" / "redis").mkdir(parents=True)
    (root / env.USERS).write_text((ROOT / env.USERS).read_text())
    env.write(root)
    written = dict(line.split("=") for line in (root / env.ENV).read_text().splitlines())
    return {**written, "ROOT": str(root)}


def filled(text: str, variables: dict[str, str]) -> str:
    """As Docker Compose fills in variables."""
    text = re.sub(r"(?<!\$)\$\{([A-Z_]+):\?[^}]*\}", lambda found: variables[found[1]], text)
    return text.replace("$$", "$")


@pytest.fixture(scope="module")
def redis_port(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    command = SERVICES["redis"]["command"].replace("/etc/redis", f"{variables['ROOT']}/deploy/redis")
    arguments = [str(redis_7().path), *shlex.split(command)[1:], "--port", str(port), "--dir", str(folder)]
    with ChildProcess(arguments, log=folder / "log", ready="Ready to accept connections"):
        yield port


@pytest.fixture(scope="module")
def mongo_port(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """As the image of MongoDB makes it: without passwords, the users; then the command, and the health check."""
    folder, port = tmp_path_factory.mktemp("mongo"), free_port()
    (folder / "db").mkdir()
    script = filled(SERVICES["mongo"]["entrypoint"][2], variables).replace("/tmp/key", str(folder / "key"))
    mongod = [
        str(find_mongod().path),
        "--port",
        str(port),
        "--dbpath",
        str(folder / "db"),
        "--bind_ip",
        "127.0.0.1",
    ]
    with ChildProcess(mongod, log=folder / "init.log"), pymongo.MongoClient[Any]("127.0.0.1", port) as client:
        root = {"createUser": "root", "pwd": variables["MONGODB_ROOT_PASSWORD"], "roles": ["root"]}
        client.admin.command(root)
        plugins = {"createUser": "plugins", "pwd": variables["MONGODB_PLUGINS_PASSWORD"]}
        client.plugins.command({**plugins, "roles": [{"role": "readWrite", "db": "plugins"}]})
    script = script.replace("docker-entrypoint.sh mongod", shlex.join(mongod)).replace("--bind_ip_all", "")
    key = {"MONGODB_KEY": variables["MONGODB_KEY"]}
    with ChildProcess(["sh", "-c", script], log=folder / "log", env=key):
        with admin_of(port, variables) as client:
            members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            wait_until(lambda: client.admin.command("hello")["isWritablePrimary"], 60, "a primary")
        yield port


def admin_of(port: int, variables: dict[str, str]) -> pymongo.MongoClient[Any]:
    return pymongo.MongoClient(
        "127.0.0.1", port, username="root", password=variables["MONGODB_ROOT_PASSWORD"], directConnection=True
    )


def environment(
    service: str, variables: dict[str, str], redis_port: int, mongo_port: int = 0
) -> dict[str, str]:
    given = {name: filled(value, variables) for name, value in SERVICES[service]["environment"].items()}
    return {
        name: value.replace("@redis:6379", f"@127.0.0.1:{redis_port}").replace(
            "@mongo:27017", f"@127.0.0.1:{mongo_port}"
        )
        for name, value in given.items()
    }


def test_a_worker_applies_a_command_under_both_passwords(
    variables: dict[str, str], redis_port: int, mongo_port: int, tmp_path: Path
) -> None:
    given = environment("commands", variables, redis_port, mongo_port)
    publisher = f"redis://publisher:{variables['REDIS_PUBLISHER_PASSWORD']}@127.0.0.1:{redis_port}/0"
    with (
        run_worker("-Q", "plugin.commands", env=given, log=tmp_path / "worker.log"),
        PluginClient(publisher) as client,
    ):
        answer = client.ask(
            "register", timeout_s=60, domain_id="d-1", name="J", service_type="x.Y", image="acme/jira"
        )
    assert answer["revision"] == 1
    with redis.Redis(port=redis_port, username="admin", password=variables["REDIS_ADMIN_PASSWORD"]) as admin:
        assert admin.execute_command("ACL", "LOG") == []


def test_mongodb_asks_for_a_password(variables: dict[str, str], mongo_port: int) -> None:
    with (
        pymongo.MongoClient[Any]("127.0.0.1", mongo_port, directConnection=True) as nobody,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        nobody.plugins.plugins.find_one()


def test_the_workers_user_has_its_database_alone(variables: dict[str, str], mongo_port: int) -> None:
    url = filled(COMPOSE["x-settings"]["PLUGINS_MONGODB_URL"], variables).replace(
        "mongo:27017", f"127.0.0.1:{mongo_port}"
    )
    with pymongo.MongoClient[Any](url) as client:
        client.plugins.plugins.find_one()
        for collection in (client.other.plugins, client.admin["system.users"]):
            with pytest.raises(OperationFailure, match="not authorized"):
                collection.find_one()


def test_redis_is_healthy_for_the_least_user_alone(variables: dict[str, str], redis_port: int) -> None:
    given = filled(SERVICES["redis"]["environment"]["REDISCLI_AUTH"], variables)
    assert "--user beat ping" in SERVICES["redis"]["healthcheck"]["test"][1]
    with redis.Redis(port=redis_port, username="beat", password=given) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("plugin.commands")
    with redis.Redis(port=redis_port) as nobody, pytest.raises(redis.AuthenticationError):
        nobody.ping()
