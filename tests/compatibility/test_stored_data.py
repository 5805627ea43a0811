"""A deployment of today starts on the MongoDB and Redis data of version 0.1.0, and goes on where that one was killed.

`tests/data/stored/0.1.0.tar.xz` holds the data folder, made by that version (Redis 6.2, MongoDB 6.0), and `expected.json`:
what its callers were answered before its commands worker was killed behind the write of `g-8`, while `g-9` and
`g-10` were waiting.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from redis import Redis

from contracts.client import PluginClient
from tests.support.messages import message
from tests.support.servers import run_worker, start_mongod, start_redis, wait_until
from worker.cli.main import main

ARCHIVE = Path(__file__).parents[1] / "data" / "stored" / "0.1.0.tar.xz"
DOMAIN = "golden"
QUEUE = "plugin.commands"


@dataclass(frozen=True)
class Deployment:
    """Today's workers on the data of 0.1.0."""

    redis: Any
    client: PluginClient
    env: dict[str, str]
    expected: dict[str, Any]

    def get(self, plugin_id: str) -> Any:
        return self.client.ask("get", domain_id=DOMAIN, plugin_id=plugin_id)

    def events(self) -> list[str]:
        return [fields["id"] for _, fields in self.redis.xrange("plugin.events")]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("stored")
    with tarfile.open(ARCHIVE) as archive:
        # Python 3.11.0 to 3.11.3, which Debian 12 has, know no filter; the archive is our own.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, **safely)
    redis_server = start_redis(folder / "data" / "redis")
    mongodb = start_mongod(folder / "data" / "mongodb")
    env = {"PLUGINS_REDIS_URL": redis_server.url, "PLUGINS_MONGODB_URL": mongodb.url()}
    expected = json.loads((folder / "expected.json").read_text())
    try:
        with (
            run_worker("-Q", QUEUE, env=env, log=folder / "commands.log"),
            run_worker("-Q", "plugin.queries", "--concurrency", "2", env=env, log=folder / "queries.log"),
            Redis.from_url(redis_server.url, decode_responses=True) as redis,
            PluginClient(redis_server.url) as client,
        ):
            answers = [f"celery-task-meta-{name}" for name in ("g-8", "g-9", "g-10")]
            wait_until(lambda: redis.exists(*answers) == len(answers), 60, "the answers to what waited")
            yield Deployment(redis, client, env, expected)
    finally:
        redis_server.stop()
        mongodb.stop()


def test_what_was_in_flight_and_what_waited_has_its_effect_once_and_in_order(deployment: Deployment) -> None:
    assert deployment.get("two")["tags"] == {"killed": "behind the write"}
    assert (deployment.get("two")["revision"], deployment.get("slack")["revision"]) == (2, 3)
    assert deployment.get("slack")["state"] == "ENABLED"
    assert (deployment.get("one")["labels"], deployment.get("one")["revision"]) == (["waited"], 3)
    before = deployment.expected["events"]
    assert deployment.events()[: len(before)] == before
    assert deployment.events()[len(before) :][:3] == ["golden/two@2", "golden/slack@3", "golden/one@3"]


def test_a_plugin_that_nothing_happened_to_is_answered_as_before(deployment: Deployment) -> None:
    before = {plugin["plugin_id"]: plugin for plugin in deployment.expected["plugins"]["results"]}
    assert deployment.get("jira") == before["jira"]
    listed = deployment.client.ask(
        "list", domain_id=DOMAIN, query={"filter": [{"k": "labels", "v": "x", "o": "eq"}]}
    )
    assert listed == {"results": [before["jira"]], "total_count": 1}


@pytest.mark.parametrize("plugin_id", ["jira", "slack"])
def test_versions_are_answered_from_the_store(deployment: Deployment, plugin_id: str) -> None:
    answer = deployment.client.ask("get_versions", domain_id=DOMAIN, plugin_id=plugin_id)
    assert answer["results"] == deployment.expected["versions"][plugin_id]


def test_an_id_that_was_applied_then_has_no_second_effect(deployment: Deployment) -> None:
    before = len(deployment.events())
    deployment.redis.delete("celery-task-meta-g-2")
    again = {
        "domain_id": DOMAIN,
        "plugin_id": "jira",
        "tags": {"$ref": "#/b", "n": 2, "big": 2**60},
        "labels": ["x"],
    }
    deployment.redis.lpush(QUEUE, message("plugin.update", again, "g-2", QUEUE))
    wait_until(lambda: deployment.redis.exists("celery-task-meta-g-2"), 30, "the answer")
    assert deployment.get("jira")["revision"] == 2
    assert len(deployment.events()) == before


def test_a_deregistered_plugin_continues_its_revisions(deployment: Deployment) -> None:
    fields: dict[str, Any] = {
        "domain_id": DOMAIN,
        "name": "gone",
        "service_type": "notification.Protocol",
        "image": "acme/gone",
    }
    assert deployment.client.ask("register", **fields)["revision"] == 3


def test_dead_letters_are_shown(deployment: Deployment) -> None:
    run = CliRunner().invoke(main, ["dead-letters", "list", "--json"], env=dict(deployment.env))
    assert run.exit_code == 0, run.output
    for letter in deployment.expected["dead_letters"]:
        assert letter in run.output
