"""Two real deployments that name each other as remote repositories: two Redis servers, two databases, workers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from contracts.client import PluginClient
from contracts.errors import (
    PluginNotFound,
    RepositoryNotLocal,
    RepositoryUnavailable,
    VersionsPending,
)
from tests.support.impostor import Impostor, meta, raises
from tests.support.servers import (
    ChildProcess,
    MongoReplicaSet,
    RedisServer,
    start_redis,
    start_worker,
    wait_until,
)

SECRET = "hunter2"
JIRA = {"service_type": "notification.Protocol", "domain_id": "d-1"}


@dataclass
class Deployment:
    """One deployment: its Redis, its worker for everything, a client."""

    redis: RedisServer
    worker: ChildProcess
    client: PluginClient
    log: Path

    def ask(self, operation: str, **params: Any) -> Any:
        return self.client.ask(operation, timeout_s=60, **({"domain_id": "d-1"} | params))

    def names(self, **params: Any) -> list[tuple[str, str]]:
        rows = self.ask("list", **params)["results"]
        return [(row["name"], row["repository_info"]["repository_id"]) for row in rows]


@dataclass
class Pair:
    ours: Deployment
    theirs: Deployment


def secured(server: RedisServer) -> str:
    """The URL of a server that now asks for a password."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", SECRET)
    return server.url.replace("redis://", f"redis://:{SECRET}@")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, mongodb_server: MongoReplicaSet) -> Iterator[Pair]:
    base = tmp_path_factory.mktemp("pair")
    folder = base / "folder"
    folder.mkdir()
    document = {"name": "managed jira", "service_type": "x.Y", "image": "acme/managed-jira"}
    (folder / "jira.json").write_text(json.dumps(document))
    servers = {name: start_redis(base / name, appendfsync=None) for name in ("ours", "theirs")}
    urls = {name: secured(server) for name, server in servers.items()}
    made: dict[str, Deployment] = {}
    for name, other in (("ours", "theirs"), ("theirs", "ours")):
        repositories = [
            {"repository_id": f"local-{name}", "name": name.title(), "repository_type": "local"},
            {
                "repository_id": other,
                "name": f"The other, {other}",
                "repository_type": "remote",
                "redis_url": urls[other],
                "domain_id": "d-1",
                "timeout_s": 8,
            },
        ]
        if name == "theirs":
            managed = {"repository_id": "folder", "name": "Folder", "repository_type": "managed"}
            repositories.append(managed | {"path": str(folder)})
        environment = {
            "PLUGINS_REDIS_URL": urls[name],
            "PLUGINS_MONGODB_URL": mongodb_server.url(f"pair_{name}"),
            "PLUGINS_REPOSITORIES": json.dumps(repositories),
        }
        log = base / f"{name}.log"
        worker = start_worker("-Q", "plugin.commands,plugin.queries", env=environment, log=log)
        made[name] = Deployment(servers[name], worker, PluginClient(urls[name]), log)
    result = Pair(made["ours"], made["theirs"])
    result.ours.ask("register", image="acme/jira", name="our jira", **JIRA)
    result.theirs.ask("register", image="acme/jira", name="their jira", **JIRA)
    result.theirs.ask("register", image="acme/slack", name="their slack", **JIRA)
    wait_until(lambda: ("managed jira", "folder") in result.theirs.names(), 60)
    yield result
    for deployment in made.values():
        deployment.client.close()
        deployment.worker.stop(timeout_s=60)
        deployment.redis.stop()


def test_what_the_other_has_is_found(pair: Pair) -> None:
    slack = pair.ours.ask("get", plugin_id="slack")
    assert slack["name"] == "their slack"
    assert slack["repository_info"] == {
        "repository_id": "theirs",
        "name": "The other, theirs",
        "repository_type": "remote",
    }
    assert pair.ours.ask("get", plugin_id="jira")["name"] == "our jira"
    assert pair.ours.ask("get", plugin_id="jira", repository_id="theirs")["name"] == "their jira"
    assert pair.ours.ask("get", plugin_id="managed-jira")["name"] == "managed jira"
    assert pair.theirs.ask("get", plugin_id="jira", repository_id="ours")["name"] == "our jira"


def test_a_list_is_of_both(pair: Pair) -> None:
    assert pair.ours.names() == [
        ("managed jira", "theirs"),
        ("our jira", "local-ours"),
        ("their jira", "theirs"),
        ("their slack", "theirs"),
    ]
    page = pair.ours.ask("list", query={"page": {"start": 2, "limit": 2}, "only": ["name"]})
    assert page == {
        "results": [
            {"plugin_id": "jira", "name": "our jira"},
            {"plugin_id": "jira", "name": "their jira"},
        ],
        "total_count": 4,
    }
    assert pair.ours.names(repository_id="theirs", name="their slack") == [("their slack", "theirs")]


def test_versions_are_asked_of_whoever_has_the_plugin(pair: Pair) -> None:
    """Nobody fetches versions here: that the other says so shows that it was asked."""
    with pytest.raises(VersionsPending) as told:
        pair.ours.ask("get_versions", plugin_id="slack")
    assert told.value.details == {"repository_id": "theirs"}


def test_two_that_name_each_other_do_not_go_round(pair: Pair) -> None:
    """Each applies one read at a time: going round would not end before the timeout."""
    with pytest.raises(PluginNotFound):
        pair.ours.ask("get", plugin_id="nowhere")
    with pytest.raises(PluginNotFound):
        pair.theirs.ask("get", plugin_id="nowhere")
    assert ("our jira", "ours") in pair.theirs.names()


def test_a_write_waits_for_no_remote(pair: Pair) -> None:
    with pytest.raises(PluginNotFound):
        pair.ours.ask("disable", plugin_id="slack")
    with pytest.raises(RepositoryNotLocal):
        pair.theirs.ask("disable", plugin_id="managed-jira")
    outcomes = pair.theirs.client.batch(
        [
            {"operation": "disable", "params": {"domain_id": "d-1", "plugin_id": name}}
            for name in ("managed-jira", "nowhere", "slack")
        ]
    )
    assert [o.error.code if o.error else (o.result or {})["state"] for o in outcomes] == [
        "REPOSITORY_NOT_LOCAL",
        "NOT_FOUND",
        "DISABLED",
    ]


def told_unavailable(ask: Callable[[], Any]) -> str:
    with pytest.raises(RepositoryUnavailable) as told:
        ask()
    assert told.value.details["repository_id"] == "theirs"
    return str(told.value.details["reason"])


def test_a_remote_that_is_stopped_is_told_and_used_again(pair: Pair) -> None:
    pair.theirs.worker.pause()
    try:
        assert told_unavailable(lambda: pair.ours.ask("get", plugin_id="slack")) == "timeout"
        partial = pair.ours.ask("list", partial=True)
    finally:
        pair.theirs.worker.resume()
    assert [row["name"] for row in partial["results"]] == ["our jira"]
    assert (partial["total_count"], partial["unavailable"]) == (1, ["theirs"])
    assert pair.ours.ask("get", plugin_id="slack")["name"] == "their slack"


def test_a_remote_whose_redis_is_down_is_told_and_used_again(pair: Pair) -> None:
    pair.theirs.redis.kill()
    reason = told_unavailable(lambda: pair.ours.ask("list"))
    assert reason in ("unreachable", "timeout")
    assert pair.ours.ask("get", plugin_id="jira")["name"] == "our jira"
    pair.theirs.redis.start()
    secured(pair.theirs.redis)

    def is_back() -> bool:
        try:
            return bool(pair.ours.ask("get", plugin_id="slack")["name"] == "their slack")
        except RepositoryUnavailable:
            return False

    wait_until(is_back, 120)


def test_no_log_holds_the_password(pair: Pair) -> None:
    for deployment in (pair.ours, pair.theirs):
        assert SECRET not in deployment.log.read_text()


# --- a remote that is not what it says ------------------------------------------------------------------------


HOSTILE: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "nothing": lambda headers: b"",
    "no JSON": lambda headers: b"\xff\x00{",
    "a list": lambda headers: b"[1]",
    "an empty object": lambda headers: b"{}",
    "deep": lambda headers: b"[" * 100_000,
    "another id": meta(task_id="other"),
    "an odd state": meta(status="ODD", result=1),
    "no plugin": meta(result={"plugin_id": "slack"}),
    "another plugin": meta(result=None),
    "an exit": raises("builtins", "SystemExit", 1),
    "an interrupt": raises("builtins", "KeyboardInterrupt"),
    "a function": raises("os", "system", "true"),
    "an unknown class": raises("no.such.module", "Odd", "x"),
    "an error of the wrong shape": raises("contracts.errors", "PluginNotFound", 1, 2, 3, 4, 5),
    "a pickle's type": meta(result={"__type__": "datetime", "__value__": "x"}),
}


@pytest.fixture(scope="module")
def impostor(
    tmp_path_factory: pytest.TempPathFactory, mongodb_server: MongoReplicaSet
) -> Iterator[tuple[Deployment, Impostor]]:
    base = tmp_path_factory.mktemp("impostor")
    servers = [start_redis(base / name, appendfsync=None) for name in ("ours", "theirs")]
    token = base / "token"
    token.write_text("eyJ-secret\n")
    credentials = base / "credentials.json"
    credentials.write_text(json.dumps({"market": {"password_file": "token"}}))
    repositories = [
        {"repository_id": "local", "name": "Local", "repository_type": "local"},
        {
            "repository_id": "theirs",
            "name": "Theirs",
            "repository_type": "remote",
            "redis_url": servers[1].url,
            "domain_id": "d-market",
            "timeout_s": 5,
            "token": "market",
        },
    ]
    environment = {
        "PLUGINS_REDIS_URL": servers[0].url,
        "PLUGINS_MONGODB_URL": mongodb_server.url("impostor"),
        "PLUGINS_REPOSITORIES": json.dumps(repositories),
        "PLUGINS_REGISTRY_CREDENTIALS": str(credentials),
    }
    log = base / "ours.log"
    worker = start_worker("-Q", "plugin.queries", "--concurrency", "2", env=environment, log=log)
    thread = Impostor(servers[1].url)
    thread.start()
    ours = Deployment(servers[0], worker, PluginClient(servers[0].url), log)
    yield ours, thread
    thread.ending.set()
    thread.join()
    thread.client.close()
    ours.client.close()
    worker.stop(timeout_s=60)
    for server in servers:
        server.stop()


@pytest.mark.parametrize("shape", HOSTILE)
def test_garbage_is_no_answer_and_no_harm(impostor: tuple[Deployment, Impostor], shape: str) -> None:
    ours, theirs = impostor
    theirs.answer = HOSTILE[shape]

    assert told_unavailable(lambda: ours.ask("get", plugin_id="slack"))

    assert ours.worker.running
    theirs.answer = raises("contracts.errors", "PluginNotFound", "no", "NOT_FOUND", {})
    with pytest.raises(PluginNotFound):
        ours.ask("get", plugin_id="slack")


def test_the_headers_of_a_question(impostor: tuple[Deployment, Impostor]) -> None:
    ours, theirs = impostor
    theirs.answer = raises("contracts.errors", "PluginNotFound", "no", "NOT_FOUND", {})
    theirs.headers.clear()
    with pytest.raises(PluginNotFound):
        ours.ask("get", plugin_id="slack")

    (headers,) = theirs.headers
    assert headers["authorization"] == "Bearer eyJ-secret"
    assert headers["repositories"] == "own"
    assert headers["expires"]
    assert "eyJ-secret" not in ours.log.read_text()
