"""The whole service at work, each process and caller with its own user: nothing that it needs is denied."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import celery
import pytest
from click.testing import CliRunner

from contracts.client import PluginClient
from contracts.errors import ContractError, DeadlineExceeded
from contracts.subscriber import Event, Subscriber
from tests.support.guarded import GuardedRedis
from tests.support.servers import MongoReplicaSet, run_worker, start_beat, wait_until
from worker.cli.main import main

WORKERS = {"commands": "1", "queries": "4", "versions": "4"}


class Service:
    """The processes, each with its own user."""

    def __init__(self, redis: GuardedRedis, mongodb_url: str, folder: Path) -> None:
        self.redis = redis
        self.mongodb_url = mongodb_url
        self.folder = folder
        self.processes = ExitStack()

    def env(self, user: str) -> dict[str, str]:
        return {"PLUGINS_REDIS_URL": self.redis.url_of(user), "PLUGINS_MONGODB_URL": self.mongodb_url}

    def start(self) -> None:
        for name, threads in WORKERS.items():
            options = ("-Q", f"plugin.{name}", "--concurrency", threads)
            worker = run_worker(*options, env=self.env(name), log=self.folder / f"{name}.log")
            self.processes.enter_context(worker)
        self.processes.enter_context(start_beat(env=self.env("beat"), log=self.folder / "beat.log"))

    def cli(self, *arguments: str, user: str = "operator") -> str:
        result = CliRunner().invoke(main, arguments, env=self.env(user), catch_exceptions=False)
        return result.output


@pytest.fixture(scope="module")
def service(
    guarded: GuardedRedis, mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    service = Service(guarded, mongodb_server.url(f"acl_{guarded.port}"), tmp_path_factory.mktemp("service"))
    with service.processes:
        service.start()
        yield service


@pytest.fixture(autouse=True)
def nothing_denied(guarded: GuardedRedis, service: Service) -> Iterator[None]:
    yield
    assert guarded.denied() == []


def register(plugin: str, domain: str = "d-1") -> dict[str, Any]:
    return {"domain_id": domain, "name": plugin, "service_type": "x.Y", "image": f"acme/{plugin}"}


def test_a_bare_client(service: Service) -> None:
    url = service.redis.url_of("publisher")
    app = celery.Celery(broker=url, backend=url, set_as_current=False)
    for priority in (0, 6):
        sent = app.send_task(
            "plugin.register", kwargs=register(f"bare{priority}"), queue="plugin.commands", priority=priority
        )
        assert sent.get(timeout=60)["revision"] == 1
        sent.forget()
    app.close()


def test_a_client_of_ours(service: Service) -> None:
    with PluginClient(service.redis.url_of("publisher")) as client:
        client.ask("register", timeout_s=60, **register("one"))
        of: dict[str, Any] = {"domain_id": "d-1", "plugin_id": "one"}
        client.ask("update", **of, labels=["a"])
        client.ask("disable", **of)
        client.ask("get", **of)
        client.ask("list", domain_id="d-1", query={})
        client.ask("stat", domain_id="d-1", query={"aggregate": [{"count": {"name": "n"}}]})
        with pytest.raises(ContractError):
            client.ask("get_versions", **of)
        with pytest.raises(DeadlineExceeded):
            client.ask("enable", **of, command_id="too-late", expires_s=-5)
        client.ask("enable", **of, command_id="too-late")
        late = [{"operation": "enable", "params": of, "id": "late"}]
        assert [type(outcome.error) for outcome in client.ask_many(late, expires_s=-5)] == [DeadlineExceeded]
        assert client.ask("list", domain_id="d-1", query={}, timeout_s=60)["total_count"]
        commands = [{"operation": "update", "params": {**of, "labels": [str(n)]}} for n in range(30)]
        assert all(outcome.error is None for outcome in client.ask_many(commands))
        writes = [{"operation": "register", "params": register(f"b{n}")} for n in range(9)]
        assert all(outcome.error is None for outcome in client.batch(writes))
        client.send_many([{"operation": "disable", "params": of}])
        client.send("deregister", **of)


def test_a_narrow_publisher(service: Service) -> None:
    with PluginClient(service.redis.url_of("billing")) as client:
        answer = client.ask("register", timeout_s=60, command_id="billing.1", **register("narrow"))
        assert answer["revision"] == 1
        writes = [
            {"id": f"billing.b{n}", "operation": "register", "params": register(f"nb{n}")} for n in range(3)
        ]
        assert [outcome.error for outcome in client.batch(writes)] == [None] * 3


def test_a_subscriber(service: Service) -> None:
    seen: list[str] = []
    client = service.redis.client("subscriber")

    def handle(event: Event) -> None:
        seen.append(event.subject)

    subscriber = Subscriber(client, "billing", "a", handle, idle_s=0)
    subscriber.join()
    with PluginClient(service.redis.url_of("publisher")) as publisher:
        publisher.ask("register", timeout_s=60, **register("watched"))
    wait_until(lambda: subscriber.poll(0.5) and "d-1/watched" in seen, 60)
    # What another consumer left is taken over.
    client.xreadgroup("billing", "gone", {"plugin.events": ">"})
    Subscriber(client, "billing", "b", handle, idle_s=0, forget_s=0).poll()
    assert [c["name"] for c in client.xinfo_consumers("plugin.events", "billing")] == [b"b"]
    client.xread({"plugin.rejections": "0"})
    newest: Any = client.xrevrange("plugin.events", count=1)
    Subscriber(client, "second", "a", handle, start=newest[0][0].decode()).poll()
    client.close()


COMMANDS = (
    ("doctor",),
    ("events",),
    ("events", "reconcile"),
    ("partitions", "show"),
    ("partitions", "set", "1"),
    ("sync", "status"),
    ("sync", "now"),
    ("images",),
    ("dead-letters", "list"),
    ("dead-letters", "drain"),
    ("register", "--domain-id", "d-1", "--name", "C", "--service-type", "x.Y", "--image", "acme/cli"),
    ("get", "cli", "--domain-id", "d-1"),
    ("list", "--domain-id", "d-1"),
    ("versions", "cli", "--domain-id", "d-1"),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_the_command_line(service: Service, arguments: tuple[str, ...]) -> None:
    output = service.cli(*arguments)
    assert "Redis refuses" not in output, output
