"""The whole service under one user of Redis with few rights, on every version: nothing that it needs is
missing, and a loss of all data is repaired.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pymongo import MongoClient
from redis import Redis
from redis.exceptions import RedisError

from contracts.client import PluginClient
from contracts.errors import ContractError
from contracts.subscriber import Event, Subscriber
from tests.docs.pages import page
from tests.support.servers import MongoReplicaSet, run_worker, start_beat, wait_until
from worker.cli.main import main
from worker.devtools.acl import one_user
from worker.devtools.embedded import Binary, RedisServer, redis_binaries

WORKERS = {"commands": "1", "queries": "2", "versions": "2"}
REPAIRED_S = 20

NO_DANGER = ["~*", "&*", "+@all", "-@dangerous"]


def told() -> list[str]:
    """What the docs list."""
    (block,) = [b for b in page("operations.md").blocks() if "+xreadgroup" in b.text]
    return block.text.split()


def test_the_docs_list_what_is_needed() -> None:
    assert sorted(told()) == sorted(one_user())


def binaries() -> list[Binary]:
    found = {binary.version[:1]: binary for binary in redis_binaries()}
    return list(found.values())


class HostedRedis(RedisServer):
    """One that knows no INFO, CLIENT, CONFIG and the like, as some hosted ones."""

    def __init__(self, directory: Path, binary: Binary) -> None:
        super().__init__(directory, maxmemory="256mb", binary=binary)
        for command in ("INFO", "CLIENT", "CONFIG", "COMMAND", "OBJECT", "MONITOR", "DEBUG", "SAVE"):
            self.arguments += ["--rename-command", command, ""]

    def _answers(self) -> bool:
        with Redis(port=self.port, socket_connect_timeout=1) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


class Few:
    """A Redis with the user, and the processes."""

    def __init__(self, server: RedisServer, rules: list[str], mongodb_url: str, folder: Path) -> None:
        self.server, self.folder = server, folder
        admin: Any = Redis.from_url(server.url, decode_responses=True)
        self.admin = admin
        self.admin.execute_command("ACL", "SETUSER", "few", "on", ">secret", *rules)
        self.url = server.url.replace("://", "://few:secret@")
        self.env = {
            "PLUGINS_REDIS_URL": self.url,
            "PLUGINS_MONGODB_URL": mongodb_url,
            "PLUGINS_COMMAND_PARTITIONS": "2",
            "PLUGINS_EVENTS_MAX_BYTES": str(2**26),
            "PLUGINS_ANSWERS_MAX_BYTES": str(2**25),
        }
        self.processes = ExitStack()

    def start(self) -> None:
        for name, threads in WORKERS.items():
            options = ("-Q", f"plugin.{name}", "--concurrency", threads)
            log = self.folder / f"{name}.log"
            self.processes.enter_context(run_worker(*options, env=self.env, log=log))
        self.processes.enter_context(start_beat(env=self.env, log=self.folder / "beat.log"))

    def cli(self, *arguments: str) -> str:
        return CliRunner().invoke(main, arguments, env=self.env, catch_exceptions=False).output


@pytest.fixture(
    params=[
        pytest.param((binary, rules), id=f"{binary.version[0]} {name}", marks=pytest.mark.process)
        for binary in binaries()
        for name, rules in (("listed", None), ("no danger", NO_DANGER), ("hosted", ["~*", "&*", "+@all"]))
        if name != "hosted" or binary.version >= (7,)
    ]
)
def few(request: pytest.FixtureRequest, mongodb_server: MongoReplicaSet, tmp_path: Path) -> Iterator[Few]:
    binary, rules = request.param
    is_hosted = rules is not None and "-@dangerous" not in rules
    made_of = HostedRedis if is_hosted else partial(RedisServer, maxmemory="256mb")
    with made_of(tmp_path / "redis", binary=binary) as server:
        url = mongodb_server.url(f"few_{server.port}")
        made = Few(server, rules or told(), url, tmp_path)
        with made.processes:
            made.start()
            yield made
        made.admin.close()


def test_everything_works_and_a_loss_is_repaired(few: Few) -> None:
    of: dict[str, Any] = {"domain_id": "d-1", "plugin_id": "one"}
    seen: list[tuple[str, str]] = []

    def handle(event: Event) -> None:
        seen.append((event.subject, str(event.data.get("change"))))

    with PluginClient(few.url, partitions=2) as client, Redis.from_url(few.url) as reader:
        subscriber = Subscriber(reader, "billing", "a", handle, start="beginning")
        subscriber.join()
        for plugin in ("one", "two", "three", "four"):
            fields: dict[str, Any] = {"name": plugin, "service_type": "x.Y", "image": f"acme/{plugin}"}
            assert client.ask("register", timeout_s=60, domain_id="d-1", **fields)["revision"] == 1
        client.ask("update", **of, labels=["a"])
        assert client.ask("get", **of)["revision"] == 2
        assert client.ask("list", domain_id="d-1", query={})["total_count"] == 4
        client.ask("stat", domain_id="d-1", query={"aggregate": [{"count": {"name": "n"}}]})
        with pytest.raises(ContractError):
            client.ask("get_versions", **of)
        writes = [{"operation": "disable", "params": of}]
        assert [outcome.error for outcome in client.batch(writes)] == [None]
        few.admin.lpush("plugin.commands.1", "}{")
        database = MongoClient[dict[str, Any]](few.env["PLUGINS_MONGODB_URL"]).get_default_database()
        wait_until(lambda: database["dead_letters"].count_documents({}) == 1, 60, "the dead letter")
        wait_until(lambda: subscriber.poll(0.5) >= 0 and ("d-1/one", "disabled") in seen, 60, "events")
        # Else the repair is a republication of what is still in the outboxes.
        pending = {"pending_at": {"$exists": True}}
        wait_until(lambda: not database["plugins"].count_documents(pending), 60, "empty outboxes")
        database.client.close()

        few.admin.flushall()
        wait_until(lambda: _resynced(few) == 4, REPAIRED_S, "the repair")
        assert client.ask("enable", timeout_s=60, **of)["revision"] == 4
        wait_until(lambda: subscriber.poll(0.5) >= 0 and ("d-1/one", "resynced") in seen, 60, "the repair")

    findings = json.loads(few.cli("doctor", "--json"))["findings"]
    servers = [each for each in findings if each["check"].startswith(("redis", "unreachable"))]
    assert {each["level"] for each in servers} <= {"ok", "warn"}, servers
    for arguments in (("events",), ("dead-letters", "list"), ("partitions", "show"), ("sync", "status")):
        assert "refuses" not in few.cli(*arguments)
    for log in few.folder.glob("*.log"):
        assert "Redis refuses" not in log.read_text(), log.name


def _resynced(few: Few) -> int:
    events: Any = few.admin.xrange("plugin.events")
    return sum("gap" in fields for _, fields in events)
