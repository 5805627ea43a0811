"""A worker whose user lacks a right: it does not start, or it waits and says what, and nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import celery
import pytest
from pymongo import MongoClient
from redis import Redis

from tests.acl.weaker import role, without
from tests.support.guarded import GuardedRedis
from tests.support.servers import ChildProcess, MongoReplicaSet, run_worker, start_worker, wait_until
from worker.devtools.acl import rules
from worker.process.grants import Role

REFUSED = "Redis refuses"


def give(server: GuardedRedis, given: Role) -> None:
    with server.client() as admin:
        admin.execute_command(
            "ACL", "SETUSER", given.name, "reset", "on", f">secret-{given.name}", *rules(given)
        )


@pytest.fixture
def mongodb_url(guarded: GuardedRedis, mongodb_server: MongoReplicaSet) -> str:
    return mongodb_server.url(f"told_{guarded.port}")


@contextmanager
def working(guarded: GuardedRedis, mongodb_url: str, folder: Path, name: str) -> Iterator[ChildProcess]:
    guarded.forget()
    give(guarded, role(name))
    env = {"PLUGINS_REDIS_URL": guarded.url_of(name), "PLUGINS_MONGODB_URL": mongodb_url}
    with run_worker("-Q", f"plugin.{name}", env=env, log=folder / f"{name}.log") as worker:
        try:
            yield worker
        finally:
            give(guarded, role(name))


@pytest.mark.parametrize(
    ("name", "command", "key", "told"),
    [
        ("commands", "hset", "plugin.events:revisions", "HSET on plugin.events:revisions"),
        ("commands", "rpush", "plugin.commands", "RPUSH on plugin.commands"),
        ("commands", "setex", "celery-task-meta-", "SETEX on celery-task-meta-"),
        ("queries", "hset", "plugin.queries:unacked", "HSET on plugin.queries:unacked"),
        ("versions", "xreadgroup", "plugin.events", "XREADGROUP on plugin.events"),
    ],
)
def test_it_does_not_start_and_names_what_lacks(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path, name: str, command: str, key: str, told: str
) -> None:
    give(guarded, without(role(name), command, begin=key))
    env = {"PLUGINS_REDIS_URL": guarded.url_of(name), "PLUGINS_MONGODB_URL": mongodb_url}
    worker = start_worker("-Q", f"plugin.{name}", env=env, log=tmp_path / "worker.log", ready=None)
    wait_until(lambda: not worker.running, 60, "its end")
    give(guarded, role(name))
    assert f"refuses the user {name}: " in worker.output()
    assert told in worker.output()
    assert f"the line of {name} in deploy/redis/users.acl" in worker.output()


@pytest.mark.parametrize(("queue", "user"), [("commands", "queries"), ("queries", "beat")])
def test_the_user_of_another_process_is_told_as_such(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path, queue: str, user: str
) -> None:
    env = {"PLUGINS_REDIS_URL": guarded.url_of(user), "PLUGINS_MONGODB_URL": mongodb_url}
    worker = start_worker("-Q", f"plugin.{queue}", env=env, log=tmp_path / "worker.log", ready=None)
    wait_until(lambda: not worker.running, 60, "its end")
    (told,) = [line for line in worker.output().splitlines() if "the URL names" in line]
    said = f"the URL names the user `{user}`; a worker of plugin.{queue} needs the user `{queue}`"
    assert told.startswith(said)
    assert told.count(" on ") <= 3
    assert "\\x" not in told


@pytest.mark.parametrize("name", ["commands", "queries", "versions"])
def test_it_does_not_open_the_panel_without_its_rights(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path, name: str
) -> None:
    env = {
        "PLUGINS_REDIS_URL": guarded.url_of(name),
        "PLUGINS_MONGODB_URL": mongodb_url,
        "PLUGINS_REMOTE_CONTROL": "1",
    }
    worker = start_worker("-Q", f"plugin.{name}", env=env, log=tmp_path / "worker.log", ready=None)
    wait_until(lambda: not worker.running, 60, "its end")
    assert f"refuses the user {name}: " in worker.output()
    assert "SUBSCRIBE on /0.celery.pidbox" in worker.output()
    assert "LPUSH on 1.reply.celery.pidbox" in worker.output()
    assert f"the line of {name} in deploy/redis/users-panel.acl" in worker.output()


def test_it_does_not_start_with_a_wrong_password(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path
) -> None:
    url = guarded.url_of("queries").replace("secret", "wrong")
    env = {"PLUGINS_REDIS_URL": url, "PLUGINS_MONGODB_URL": mongodb_url}
    worker = start_worker("-Q", "plugin.queries", env=env, log=tmp_path / "worker.log", ready=None)
    wait_until(lambda: not worker.running, 60, "its end")
    assert "refuses the user or the password" in worker.output()


def push(url: str, task: str, queue: str, **params: Any) -> str:
    """Send a command that wants an answer, and do not wait for it."""
    app = celery.Celery(broker=url, set_as_current=False)
    sent = app.send_task(task, kwargs=params, queue=queue)
    app.close()
    return f"celery-task-meta-{sent.id}"


@pytest.mark.parametrize(
    ("command", "key", "told"),
    [
        ("hset", "plugin.commands*:unacked", "HSET on plugin.commands:unacked"),
        ("evalsha", "plugin.commands", "EVALSHA on plugin.commands:lease"),
        ("xadd", "plugin.events", REFUSED),
        ("hset", "plugin.events:revisions", "HSET on plugin.events:revisions"),
        ("setex", "celery-task-meta-", REFUSED),
    ],
)
def test_a_command_waits_for_a_right_and_is_applied_once(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path, command: str, key: str, told: str
) -> None:
    domain = tmp_path.name
    with (
        working(guarded, mongodb_url, tmp_path, "commands") as worker,
        guarded.client(decode_responses=True) as admin,
        MongoClient[dict[str, Any]](mongodb_url) as mongo,
    ):
        give(guarded, without(role("commands"), command, begin=key))
        answer = push(
            guarded.url_of("publisher"),
            "plugin.register",
            "plugin.commands",
            domain_id=domain,
            name="J",
            service_type="x.Y",
            image="acme/jira",
        )
        worker.wait_for_output(told)
        # So often that a bug would have been met three times.
        admin.config_resetstat()
        wait_until(lambda: _failed(admin) > 3, 60, "some tries")
        give(guarded, role("commands"))
        wait_until(lambda: admin.exists(answer), 60, "the answer")
        wait_until(lambda: not admin.exists("plugin.commands:unacked"), 60, "rest")
        refused = [line for line in worker.output().splitlines() if REFUSED in line]
        assert all("ERROR" in line for line in refused)
        assert len(refused) <= 4
        assert admin.llen("plugin.commands") == admin.llen("plugin.commands:poison") == 0
        events: Any = admin.xrange("plugin.events")
        subject = f"{domain}/jira"
        assert [fields["id"] for _, fields in events if fields["subject"] == subject] == [f"{subject}@1"]
        assert mongo.get_default_database()["dead_letters"].count_documents({}) == 0


def _failed(admin: Redis) -> int:
    found: Any = admin.info("commandstats")
    of_scripts = found.get("cmdstat_evalsha", {})
    return int(of_scripts.get("failed_calls", 0)) + int(of_scripts.get("rejected_calls", 0))


def test_a_query_waits_for_a_right_and_is_answered(
    guarded: GuardedRedis, mongodb_url: str, tmp_path: Path
) -> None:
    with working(guarded, mongodb_url, tmp_path, "queries") as worker, guarded.client() as admin:
        give(guarded, without(role("queries"), "setex", begin="celery-task-meta-"))
        url = guarded.url_of("publisher")
        answer = push(url, "plugin.list", "plugin.queries", domain_id="d-1", query={})
        worker.wait_for_output(REFUSED)
        assert not admin.exists(answer)
        give(guarded, role("queries"))
        wait_until(lambda: admin.exists(answer), 60, "the answer")
