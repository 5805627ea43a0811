"""Poison, kills, takeovers, partitions and several Redis under the roles: nothing that is needed is denied."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from contracts.client import PluginClient
from tests.support.guarded import GuardedRedis
from tests.support.servers import WORKER_READY, MongoReplicaSet, run_worker, start_worker, wait_until
from worker.transport.keys import QueueKeys

POISON = (b"}{", b"\xff", b"[]", b"x" * 9_000_000)


@pytest.fixture
def mongodb_url(guarded: GuardedRedis, mongodb_server: MongoReplicaSet, tmp_path: Path) -> str:
    guarded.forget()
    return mongodb_server.url(f"disasters_{guarded.port}_{abs(hash(tmp_path)) % 10_000}")


@pytest.fixture(autouse=True)
def nothing_denied(guarded: GuardedRedis) -> Iterator[None]:
    yield
    assert guarded.denied() == []


def registration(plugin: str) -> dict[str, Any]:
    return {"domain_id": "d-1", "name": plugin, "service_type": "x.Y", "image": f"acme/{plugin}"}


@pytest.mark.parametrize("name", ["commands", "queries", "versions"])
def test_poison_is_parked_and_kept(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path, name: str
) -> None:
    queue = QueueKeys.of(f"plugin.{name}")
    letters = MongoClient[dict[str, Any]](mongodb_url).get_default_database()["dead_letters"]
    with ExitStack() as workers, guarded.client() as admin:
        for role in dict.fromkeys(("commands", name)):
            env = {"PLUGINS_REDIS_URL": guarded.url_of(role), "PLUGINS_MONGODB_URL": mongodb_url}
            workers.enter_context(run_worker("-Q", f"plugin.{role}", env=env, log=tmp_path / f"{role}.log"))
        for raw in POISON:
            admin.lpush(queue.queue, raw)
        wait_until(lambda: letters.count_documents({}) == len(POISON), 60, "the dead letters")
        wait_until(lambda: not admin.exists(queue.queue, queue.unacked, queue.poison), 60, "rest")
    letters.database.client.close()


def test_a_killed_worker_is_replaced(guarded: GuardedRedis, mongodb_url: str, tmp_path: Path) -> None:
    env = {
        "PLUGINS_REDIS_URL": guarded.url_of("commands"),
        "PLUGINS_MONGODB_URL": mongodb_url,
        "PLUGINS_LEASE_S": "1",
    }
    first = start_worker("-Q", "plugin.commands", env=env, log=tmp_path / "first.log")
    with PluginClient(guarded.url_of("publisher")) as client, guarded.client() as admin:
        client.ask("register", timeout_s=60, **registration("one"))
        first.pause()
        sent = [client.send("register", **registration(f"later{n}")) for n in range(3)]
        # As if it had died with them in its hands.
        admin.hset("plugin.commands:unacked", f"{admin.hget('plugin.commands:lease', 'owner').decode()}:99",
                   admin.rpop("plugin.commands"))  # fmt: skip
        with run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "second.log") as second:
            first.kill()
            second.wait_for_output("holds the lease", 60)
            client.ask("update", timeout_s=60, domain_id="d-1", plugin_id="later2", labels=["a"])
            assert len(sent) == 3
            second.kill()
        # And an orderly end, which gives the lease back.
        with run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "third.log"):
            client.ask("update", timeout_s=60, domain_id="d-1", plugin_id="later0", labels=["b"])


def test_a_shared_queue_gets_back_what_a_dead_worker_held(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path
) -> None:
    keys = QueueKeys.of("plugin.queries")
    env = {"PLUGINS_REDIS_URL": guarded.url_of("queries"), "PLUGINS_MONGODB_URL": mongodb_url}
    with PluginClient(guarded.url_of("publisher")) as client, guarded.client() as admin:
        client.send("list", domain_id="d-1", query={})
        admin.zadd(keys.consumers, {"gone:1:1": 1})
        admin.hset(keys.unacked, "gone:1:1:1", admin.rpop(keys.queue))
        with run_worker("-Q", "plugin.queries", env=env, log=tmp_path / "queries.log"):
            wait_until(lambda: not admin.exists(keys.unacked, keys.queue), 60, "its answer")


def test_partitions_and_forwarding(guarded: GuardedRedis, mongodb_url: str, tmp_path: Path) -> None:
    env = {
        "PLUGINS_REDIS_URL": guarded.url_of("commands"),
        "PLUGINS_MONGODB_URL": mongodb_url,
        "PLUGINS_COMMAND_PARTITIONS": "12",
    }
    with run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log") as worker:
        assert WORKER_READY in worker.output()
        for partitions in (1, 12):
            with PluginClient(guarded.url_of("publisher"), partitions=partitions) as client:
                for number in range(8):
                    fields = registration(f"p{number}-{partitions}")
                    assert client.ask("register", timeout_s=60, **fields)["revision"] == 1


def test_a_redis_for_each_use(
    guarded: GuardedRedis,
    mongodb_url: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    others = [GuardedRedis(tmp_path_factory.mktemp(name) / "redis") for name in ("answers", "events")]
    with others[0], others[1]:
        env = {
            "PLUGINS_REDIS_URL": guarded.url_of("commands"),
            "PLUGINS_RESULTS_URL": others[0].url_of("commands"),
            "PLUGINS_EVENTS_URL": others[1].url_of("commands"),
            "PLUGINS_MONGODB_URL": mongodb_url,
        }
        broker, answers = guarded.url_of("publisher"), others[0].url_of("publisher")
        with (
            run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log"),
            PluginClient(broker, answers) as client,
        ):
            assert client.ask("register", timeout_s=60, **registration("split"))["revision"] == 1
        assert [server.denied() for server in others] == [[], []]
