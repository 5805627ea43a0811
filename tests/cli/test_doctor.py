"""`plugins doctor` on real servers: each trouble is found, named, and says what to do."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contracts.commands import RegisterPlugin
from tests.support.commands import apply, by
from tests.support.servers import RedisServer, start_redis
from worker.cli.operate.doctor.command import doctor
from worker.events.positions import LAST_REVISIONS
from worker.events.sweeper import TURN
from worker.process.heartbeat import STALE_S, Heartbeat
from worker.process.mailbox import channel
from worker.process.partitions import PARTITIONS
from worker.services import Services
from worker.settings import Settings

Found = dict[str, list[dict[str, Any]]]
Look = Callable[..., tuple[int, Found]]


@pytest.fixture(scope="module")
def durable_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("durable"), maxmemory="64mb")
    yield server
    server.stop()


@pytest.fixture
def services(durable_redis: RedisServer, mongodb_url: str) -> Iterator[Services]:
    made = Services(Settings(redis_url=durable_redis.url, mongodb_url=mongodb_url))
    made.redis.flushall()
    yield made
    made.close()


@pytest.fixture
def look(services: Services, tmp_path: Path) -> Look:
    given = services.settings
    base = {
        "PLUGINS_REDIS_URL": given.redis_url,
        "PLUGINS_MONGODB_URL": given.mongodb_url,
        "PLUGINS_HEARTBEAT_DIR": str(tmp_path / "beats"),
    }

    def run(*options: str, **env: str) -> tuple[int, Found]:
        result = CliRunner().invoke(doctor, ["--json", *options], env=base | env)
        answer = json.loads(result.stdout)
        found: Found = {}
        for finding in answer["findings"]:
            found.setdefault(finding["check"], []).append(finding)
        assert result.exit_code == (1 if answer["fail"] else 0)
        return result.exit_code, found

    return run


def consumed(services: Services) -> None:
    """As if every queue had its worker."""
    seconds, _ = services.broker.time()
    until = (seconds + 600) * 1000
    services.broker.hset(
        "plugin.commands:lease", mapping={"owner": "h:1:x", "epoch": (seconds - 300) * 1000, "until": until}
    )
    for queue in ("plugin.queries", "plugin.versions"):
        services.broker.zadd(f"{queue}:consumers", {"h:2:y": until})
    services.broker.set(PARTITIONS, 1)
    services.redis.set(TURN, "x")


def register(services: Services, name: str) -> None:
    command = RegisterPlugin(domain_id="d", name="n", service_type="s", image=f"a/{name}")
    apply(services, command, by(f"r-{name}"))
    services.sweep().compare()


def test_a_healthy_deployment_has_nothing_to_say(services: Services, look: Look) -> None:
    consumed(services)
    register(services, "jira")
    services.plugins.clear({"d/jira": 1})
    status, found = look()
    assert status == 0
    assert {f["level"] for findings in found.values() for f in findings} == {"ok"}, found
    assert set(found) == {
        "redis_version",
        "redis_durability",
        "redis_eviction",
        "redis_memory",
        "mongodb_version",
        "mongodb_replica_set",
        "partitions",
        "queue",
        "remote_control",
        "dead_letters",
        "dead_letter_room",
        "outbox",
        "sweeper",
        "subscribers",
        "stream_ahead",
        "stream_behind",
        "versions",
        "managed",
        "heartbeat",
    }
    assert "owner h:1:x for 5 min" in found["queue"][0]["text"]


def test_it_says_who_listens_to_remote_control(services: Services, look: Look) -> None:
    def said() -> list[str]:
        return [finding["text"] for finding in look()[1]["remote_control"]]

    (closed,) = said()
    assert closed.startswith("off: no worker listens")
    with services.broker.pubsub() as listening:
        listening.subscribe(channel(services.broker))
        listening.get_message(timeout=60)
        assert said() == ["open at 1 worker(s): a panel that only looks"]


def expect(found: Found, check: str, level: str, advice: str) -> dict[str, Any]:
    told = [f for f in found[check] if f["level"] == level]
    assert told, found[check]
    assert advice in told[0]["advice"]
    return told[0]


def test_a_redis_that_forgets_fails(services: Services, look: Look) -> None:
    client = services.redis
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
        status, found = look("--quick")
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
    assert status == 1
    expect(found, "redis_eviction", "fail", "noeviction")
    expect(found, "redis_durability", "fail", "appendonly yes")


def test_a_redis_for_results_alone_may_forget(services: Services, look: Look, redis_url: str) -> None:
    # The session's Redis keeps no file.
    consumed(services)
    status, found = look("--quick", PLUGINS_RESULTS_URL=redis_url)
    assert status == 0
    assert [f["subject"] for f in found["redis_durability"]] == ["redis (broker, events)"]


@pytest.mark.parametrize(
    ("variable", "url", "left_out"),
    [
        ("PLUGINS_MONGODB_URL", "mongodb://127.0.0.1:1/plugins", {"dead_letters", "outbox", "stream_ahead"}),
        ("PLUGINS_BROKER_URL", "redis://127.0.0.1:1/0", {"queue", "partitions"}),
        ("PLUGINS_EVENTS_URL", "redis://127.0.0.1:1/0", {"sweeper", "stream_ahead", "stream_behind"}),
    ],
)
def test_a_server_that_is_away_is_told_once_and_the_rest_is_looked_at(
    look: Look, variable: str, url: str, left_out: set[str]
) -> None:
    status, found = look(**{variable: url})
    assert status == 1
    assert len(found["unreachable"]) == 1
    assert not left_out & set(found)
    assert {"heartbeat", "managed"} <= set(found)


def test_queues_that_nobody_reads(services: Services, look: Look) -> None:
    services.broker.lpush("plugin.commands", b"x")
    services.broker.hset("plugin.versions:unacked", "t", b"x")
    services.broker.lpush("plugin.queries:poison", b"not_json\n1\n0\n\n[")
    status, found = look("--quick")
    levels = {f["subject"]: f["level"] for f in found["queue"]}
    assert status == 1
    assert levels == {"plugin.commands": "fail", "plugin.queries": "warn", "plugin.versions": "fail"}
    expect(found, "queue", "fail", "-Q plugin.commands")
    expect(found, "parked", "warn", "dead-letters drain")
    expect(found, "sweeper", "warn", "commands worker")


def test_a_sweeper_without_room_is_not_told_to_start(services: Services, look: Look) -> None:
    services.redis.config_set("maxmemory", "100kb")
    try:
        _, found = look("--quick")
    finally:
        services.redis.config_set("maxmemory", "64mb")
    assert "is full" in expect(found, "sweeper", "warn", "make room")["text"]
    assert "start a" not in found["sweeper"][0]["advice"]


def test_another_number_of_partitions(services: Services, look: Look) -> None:
    consumed(services)
    status, found = look("--quick", PLUGINS_COMMAND_PARTITIONS="2")
    assert status == 1
    expect(found, "partitions", "fail", "PLUGINS_COMMAND_PARTITIONS=1")


def test_dead_letters_by_reason(services: Services, look: Look) -> None:
    services.parking.keep("c-1", "plugin.enable", "plugin.commands", b"{}", KeyError())
    _, found = look("--quick")
    told = expect(found, "dead_letters", "warn", "dead-letters list")
    assert told["details"] == {"fault": 1}


def test_events_that_wait_for_long(services: Services, look: Look) -> None:
    register(services, "jira")
    since = datetime.now(UTC) - timedelta(minutes=10)
    services.database["plugins"].update_one({}, {"$set": {"pending_at": since}})
    _, found = look("--quick")
    assert "the oldest for 10 min" in expect(found, "outbox", "warn", "commands worker")["text"]


def test_a_stream_ahead_or_behind(services: Services, look: Look) -> None:
    register(services, "jira")
    register(services, "slack")
    services.redis.hset(LAST_REVISIONS, "PluginChanged|d/jira", "7:abc")
    services.redis.hdel(LAST_REVISIONS, "PluginChanged|d/slack")
    status, found = look()
    assert status == 1
    told = expect(found, "stream_ahead", "fail", "events reconcile")
    assert told["details"] == {"count": 1, "first": [{"subject": "d/jira", "store": 1, "stream": 7}]}
    assert expect(found, "stream_behind", "warn", "commands worker")["details"]["first"] == ["d/slack"]
    assert services.redis.hget(LAST_REVISIONS, "PluginChanged|d/jira") == b"7:abc"


def test_groups_that_were_too_slow(services: Services, look: Look) -> None:
    for group, start in [("ends", "$"), ("begins", "0"), ("late", "0")]:
        services.redis.xgroup_create("plugin.events", group, id=start, mkstream=True)
    for name in ("jira", "mail", "chat"):
        register(services, name)
    _, found = look()
    assert [f["level"] for f in found["subscribers"]] == ["ok"]
    for group, count in [("ends", 1), ("begins", 3)]:
        services.redis.xreadgroup(group, "a", {"plugin.events": ">"}, count=count)
    services.redis.xtrim("plugin.events", maxlen=1, approximate=False)
    _, found = look()
    assert {f["subject"]: f["level"] for f in found["subscribers"]} == {"ends": "warn", "late": "warn"}


def test_images_overdue(services: Services, look: Look) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    image = {
        "_id": "images/h/i",
        "host": "h",
        "registry_type": "OCI",
        "failures": 0,
        "next_refresh_at": long_ago,
    }
    services.database["images"].insert_one(image)
    _, found = look("--quick")
    assert "oldest for 3 h" in expect(found, "versions", "warn", "beat")["text"]


def test_a_process_that_hangs(look: Look, tmp_path: Path) -> None:
    Heartbeat("commands@x", tmp_path / "beats").begin()
    (path,) = (tmp_path / "beats").iterdir()
    moment = path.stat().st_mtime - STALE_S - 5
    os.utime(path, (moment, moment))
    status, found = look("--quick")
    assert status == 1
    assert expect(found, "heartbeat", "fail", "hangs")["subject"] == "commands@x"


def test_managed_documents_that_cannot_be_used(look: Look, tmp_path: Path) -> None:
    (tmp_path / "managed").mkdir()
    (tmp_path / "managed" / "bad.yaml").write_text("name: 5\n")
    (tmp_path / "managed" / os.fsdecode(b"\xff.yaml")).write_text("name: JIRA\n")
    repositories = [
        {"repository_id": "l", "name": "L", "repository_type": "local"},
        {"repository_id": "m", "name": "M", "repository_type": "managed", "path": str(tmp_path / "managed")},
    ]
    _, found = look("--quick", PLUGINS_REPOSITORIES=json.dumps(repositories))
    assert "bad.yaml" in expect(found, "managed", "warn", "document")["text"]
    assert "\\xff.yaml" in found["managed"][1]["text"]


def test_fields_that_are_left_out_of_documents_are_no_warning(look: Look, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{name: A, resource_type: a.B, image: a, docs: {en: x}}")
    managed = {"repository_id": "m", "name": "M", "repository_type": "managed", "path": str(tmp_path)}
    local = {"repository_id": "l", "name": "L", "repository_type": "local"}
    _, found = look("--quick", PLUGINS_REPOSITORIES=json.dumps([local, managed]))
    assert {f["level"] for f in found["managed"]} == {"ok"}
    assert found["managed"][0]["text"].startswith("m: fields that have no place here are left out: docs (")
    assert found["managed"][0]["details"] == {"left_out": {"docs": 1}}


def test_for_people_it_is_lines(services: Services, tmp_path: Path) -> None:
    env = {
        "PLUGINS_REDIS_URL": services.settings.redis_url,
        "PLUGINS_MONGODB_URL": services.settings.mongodb_url,
        "PLUGINS_HEARTBEAT_DIR": str(tmp_path / "beats"),
    }
    result = CliRunner().invoke(doctor, ["--quick"], env=env)
    assert "ok    mongodb: version 6.0" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" fail")


def test_commands_of_another_number_of_partitions_are_found(services: Services, look: Look) -> None:
    consumed(services)
    services.broker.lpush("plugin.commands.3", "a", "b")
    services.broker.lpush("plugin.commands.3\x06\x163", "c")
    services.broker.lpush("plugin.commands.x", "not ours")
    _, found = look("--quick")
    assert {f["subject"]: f["details"]["waiting"] for f in found["stray"]} == {
        "plugin.commands.3": 2,
        "plugin.commands.3\x06\x163": 1,
    }
    expect(found, "stray", "warn", "plugins partitions set --help")
    services.broker.set(PARTITIONS, 4)
    assert "stray" not in look("--quick", PLUGINS_COMMAND_PARTITIONS="4")[1]


def test_images_that_cannot_be_read_are_told_by_host(services: Services, look: Look) -> None:
    consumed(services)
    later = datetime.now(UTC) + timedelta(hours=1)
    services.database["images"].insert_many(
        {
            "host": host,
            "registry_type": "OCI",
            "registry_url": host,
            "image": "app",
            "next_refresh_at": later,
            "failures": failures,
        }
        for host, failures in (("good.example", 0), ("bad.example", 0), ("bad.example", 3))
    )
    _, found = look("--quick")
    told = expect(found, "versions", "warn", "reach bad.example, and what that leads to?")
    assert [f["subject"] for f in found["versions"]] == ["bad.example"]
    assert told["text"].startswith("1 of 2 image(s)")
