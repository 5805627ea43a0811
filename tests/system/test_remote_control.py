"""Remote control: one message to all workers changes nothing, whatever it says and whoever sends it."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.worker import control
from redis import Redis

from tests.support.control import CHANNEL, MALFORMED, answer_in, asking, control_message
from tests.support.messages import message
from tests.support.servers import (
    ROOT,
    ChildProcess,
    MongoReplicaSet,
    run_worker,
    start_beat,
    start_redis,
    wait_until,
)
from tests.system.stand import QUEUE, registration, standing

DEADLINE_S = 60
SECRET = "s3cr3t"
OFF, PANEL = "off", "panel"
QUEUES = (QUEUE, "plugin.queries", "plugin.versions")
IDS = [f"c-{number}" for number in range(2_000)]

_deployments = itertools.count(1)

HARMFUL: dict[str, dict[str, Any]] = {
    "revoke": {"task_id": IDS, "terminate": True, "signal": "KILL"},
    "terminate": {"task_id": IDS, "signal": "KILL"},
    "revoke_by_stamped_headers": {"headers": {"id": IDS}, "terminate": True},
    "rate_limit": {"task_name": "plugin.register", "rate_limit": "1/h"},
    "time_limit": {"task_name": "plugin.register", "soft": 0.001, "hard": 0.001},
    "add_consumer": {"queue": "evil"},
    "cancel_consumer": {"queue": QUEUE},
    "pool_grow": {"n": 9},
    "pool_shrink": {"n": 1},
    "pool_restart": {"modules": ["antigravity"], "reload": True},
    "autoscale": {"max": 9, "min": 9},
    "election": {"id": "1", "topic": "task", "action": {"task": "plugin.deregister"}},
    "hello": {"from_node": "other@host", "revoked": IDS},
    "query_task": {"ids": IDS},
    "registered": {"taskinfoitems": ["services", "app", "backend"]},
}
METHODS = {
    **{name: HARMFUL.get(name, {}) for name in sorted(control.Panel.data)},
    **{name: {"queue": "evil"} for name in ("no_such", "__init__", "shut down", "")},
}
assert len(METHODS) >= 30


@dataclass
class Deployment:
    """Workers of every queue, with remote control off or with the panel."""

    mode: str
    redis: Redis
    env: dict[str, str]
    workers: list[ChildProcess] = field(default_factory=list)
    names: Iterator[str] = field(default_factory=lambda: iter(IDS))

    def send(self, count: int) -> list[str]:
        """Sends so many registrations; returns their ids, among those that the attacks name."""
        sent = list(itertools.islice(self.names, count))
        raws = [message("plugin.register", registration("d", name), name, QUEUE) for name in sent]
        self.redis.lpush(QUEUE, *raws)
        return sent

    def applied(self, *command_ids: str) -> None:
        """Waits until each of these was answered with success."""
        keys = [f"celery-task-meta-{command_id}" for command_id in command_ids]
        wait_until(lambda: self.redis.exists(*keys) == len(keys), DEADLINE_S, "the answers")
        assert all('"status":"SUCCESS"' in str(answer) for answer in self.redis.mget(keys))

    def hearing(self) -> int:
        return 0 if self.mode == OFF else len(self.workers)

    def consumers(self) -> list[Any]:
        """Who consumes what."""
        shared = [self.redis.zrange(f"{queue}:consumers", 0, -1) for queue in QUEUES[1:]]
        return [self.redis.hget(f"{QUEUE}:lease", "owner"), *shared]

    def says(self) -> str:
        return "".join(worker.output() for worker in self.workers)


@pytest.fixture(scope="module", params=[OFF, PANEL])
def deployment(
    request: pytest.FixtureRequest, mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp(f"remote-control-{request.param}")
    server = start_redis(folder / "redis", appendfsync=None)
    url = server.url.replace("redis://", f"redis://default:{SECRET}@")
    env = {
        "PLUGINS_REDIS_URL": url,
        "PLUGINS_MONGODB_URL": mongodb_server.url(f"remote_control_{next(_deployments)}_{server.port}"),
        "PLUGINS_REMOTE_CONTROL": "1" if request.param == PANEL else "0",
    }
    with ExitStack() as ends, Redis.from_url(server.url, decode_responses=True) as client:
        ends.callback(server.stop)
        made = Deployment(request.param, client, env)
        for queue in QUEUES:
            log = folder / f"{queue}.log"
            # Not even the settings of Celery open its own.
            told = ("-Q", queue, "--", "worker.enable_remote_control=True")
            made.workers.append(ends.enter_context(run_worker(*told, env=env, log=log)))
        beat = start_beat(env=env, log=folder / "beat.log")
        ends.callback(beat.stop)
        wait_until(lambda: all(made.consumers()), DEADLINE_S, "consumers")
        listening = made.hearing()
        wait_until(lambda: client.publish(CHANNEL, "x") == listening, DEADLINE_S, "the panel")
        yield made


@pytest.fixture
def panel(deployment: Deployment) -> Deployment:
    if deployment.mode == OFF:
        pytest.skip("there is no panel")
    return deployment


def test_what_processes_listen_to(deployment: Deployment) -> None:
    """Those of every queue, and beat."""
    expected = [] if deployment.mode == OFF else [CHANNEL]
    assert deployment.redis.pubsub_channels() == expected
    assert deployment.redis.pubsub_numpat() == 0


@pytest.mark.parametrize("method", METHODS)
def test_one_message_of_any_method_has_no_effect(deployment: Deployment, method: str) -> None:
    redis, before = deployment.redis, deployment.consumers()
    pids = [worker.pid for worker in deployment.workers]
    if not redis.exists("evil"):
        redis.lpush("evil", message("plugin.register", registration("d", "evil"), "evil", "evil"))
    sent = deployment.send(10)
    for body in ({}, asking("victim", ""), asking("victim"), asking(QUEUE, "")):
        announced = control_message(method, METHODS[method], **body)
        assert redis.publish(CHANNEL, announced) == deployment.hearing()
    sent += deployment.send(10)
    deployment.applied(*sent)
    assert [worker.pid for worker in deployment.workers if worker.running] == pids
    assert deployment.consumers() == before
    assert redis.llen("evil") == 1
    assert not redis.exists("victim", "victim.reply.celery.pidbox", f"{QUEUE}:poison")
    assert "Traceback" not in deployment.says()


def test_what_is_malformed_has_no_effect(deployment: Deployment) -> None:
    sent = deployment.send(10)
    for raw in MALFORMED.values():
        assert deployment.redis.publish(CHANNEL, raw) == deployment.hearing()
    deployment.applied(*sent, *deployment.send(10))
    assert all(worker.running for worker in deployment.workers)
    assert "Traceback" not in deployment.says()


def test_the_panel_answers_what_it_is_asked(panel: Deployment) -> None:
    """To the very list that the caller of kombu reads, which is gone soon if nobody does."""
    me = str(uuid4())
    for method, told in (("ping", {"ok": "pong"}), ("shutdown", None)):
        panel.redis.publish(CHANNEL, control_message(method, **asking(me)))
        said: dict[str, Any] = {}
        for _ in panel.workers:
            _, raw = panel.redis.brpop([f"{me}.reply.celery.pidbox"], DEADLINE_S)  # type: ignore[misc]  # None: no answer, a failure
            said |= answer_in(raw)
        assert set(said) == {worker.name for worker in panel.workers}
        for answer in said.values():
            assert answer == told or "this panel only looks" in answer["error"]
    panel.redis.publish(CHANNEL, control_message("ping", **asking(me)))
    key = f"{me}.reply.celery.pidbox"
    wait_until(lambda: panel.redis.llen(key) == len(panel.workers), DEADLINE_S, "answers that nobody reads")
    assert 0 < panel.redis.ttl(key) <= 10


def test_no_answer_holds_a_secret(panel: Deployment) -> None:
    with Celery(broker=panel.env["PLUGINS_REDIS_URL"], set_as_current=False) as app:
        for method in sorted(control.Panel.data):
            limit = len(panel.workers)
            told = app.control.broadcast(method, reply=True, timeout=DEADLINE_S, limit=limit)
            assert len(told) == limit, method
            assert SECRET not in str(told), method


def celery(deployment: Deployment, *arguments: str) -> str:
    """What the command line of Celery says."""
    env = {"PATH": "/usr/bin:/bin", **deployment.env, "PLUGINS_REMOTE_CONTROL": "0"}
    command = [sys.executable, "-m", "celery", "-A", "worker", "-C", *arguments]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return " ".join((done.stdout + done.stderr).split())


def test_celerys_own_command_line_says_what_is_the_case(deployment: Deployment) -> None:
    said = {
        words: celery(deployment, *words.split())
        for words in (
            "inspect -t 5 ping",
            "control -t 5 shutdown",
            "control -t 5 cancel_consumer plugin.commands",
        )
    }
    if deployment.mode == OFF:
        for text in said.values():
            assert "Remote control is off" in text and "SIGTERM" in text
    else:
        assert "pong" in said.pop("inspect -t 5 ping")
        for text in said.values():
            assert text.count("this panel only looks") == len(deployment.workers)
    assert all(worker.running for worker in deployment.workers)


def test_a_flood_stalls_no_worker(deployment: Deployment) -> None:
    """100,000 messages, each at most as large as one may be, and three that Redis itself ends a listener for."""
    asked = [control_message(name, **asking(str(uuid4()))) for name in ("stats", "shutdown", "enable_events")]
    junk = [*(raw for raw in MALFORMED.values() if len(raw) < 1_000), *asked]
    pids = [worker.pid for worker in deployment.workers]
    sent = 0
    for _ in range(100):
        with deployment.redis.pipeline(transaction=False) as pipe:
            for raw in itertools.islice(itertools.cycle(junk), 1_000):
                pipe.publish(CHANNEL, raw)
            sent += len(pipe.execute())
        deployment.applied(*deployment.send(1))
    assert sent == 100_000
    for size in (10, 40, 100):
        deployment.redis.publish(CHANNEL, b'"' + b"x" * (size << 20) + b'"')
        deployment.applied(*deployment.send(1))
    deployment.applied(*deployment.send(10))
    assert [worker.pid for worker in deployment.workers if worker.running] == pids
    assert "Traceback" not in deployment.says()
    assert "Connection to broker lost" not in deployment.says()
    listening = deployment.hearing()
    wait_until(lambda: deployment.redis.publish(CHANNEL, "x") == listening, DEADLINE_S, "the panel")


def test_with_celerys_own_remote_control_one_message_ends_a_worker(
    redis_url: str, mongodb_url: str, tmp_path: Path
) -> None:
    with standing(redis_url, mongodb_url, tmp_path, without="remote_control") as stand:
        stand.ready(1)
        (worker,) = stand.workers
        wait_until(lambda: stand.redis.publish(CHANNEL, control_message("ping")), DEADLINE_S, "it to hear")
        stand.redis.publish(CHANNEL, control_message("shutdown"))
        wait_until(lambda: not worker.running, DEADLINE_S, "its end")
