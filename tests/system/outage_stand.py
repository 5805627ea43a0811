"""Two processes of each kind before a Redis that goes away, load on them, and callers that wait for its return."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any, Literal

from click.testing import CliRunner
from pymongo import MongoClient
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from contracts.errors import PluginNotFound
from tests.chaos.traffic import Traffic
from tests.support import aftermath
from tests.support.servers import (
    ROOT,
    WORKER_READY,
    ChildProcess,
    MongoReplicaSet,
    RedisServer,
    start_beat,
    start_worker,
)
from tests.support.silence import SilentHost
from worker.cli.operate.healthcheck import healthcheck
from worker.process.heartbeat import STALE_S

Form = Literal["killed", "silent", "stopped", "mongodb"]
"""Redis is killed; its host falls silent; it stands still (and then reads all that was sent); or MongoDB does."""
KINDS = ("commands", "queries", "versions", "beat", "events")
QUEUE = "plugin.commands"
_WAITING = "Waiting for events"
_ENOUGH_S = 60.0


class Member:
    """One process: a worker, beat, or a subscriber on the command line, which has no heartbeat."""

    def __init__(self, kind: str, number: int, env: dict[str, str], folder: Path) -> None:
        self.name = f"{kind} {number}"
        self.kind = kind
        self.began = time.monotonic()
        self._beats = folder / f"beats-{kind}-{number}"
        self._env = {**env, "PLUGINS_HEARTBEAT_DIR": str(self._beats)}
        self._log = folder / f"{kind}-{number}.log"
        self.child = self._make()

    def _make(self) -> ChildProcess:
        if self.kind == "beat":
            return start_beat(env=self._env, log=self._log)
        if self.kind == "events":
            arguments = [sys.executable, "-m", "worker.cli", "events", "--follow"]
            return ChildProcess(arguments, log=self._log, env=self._env, cwd=ROOT, name=self.name).start()
        threads = () if self.kind == "commands" else ("--concurrency", "4")
        queue = ("-Q", f"plugin.{self.kind}")
        return start_worker(*queue, *threads, env=self._env, log=self._log, ready=None)

    def begin_again(self) -> None:
        self.began = time.monotonic()
        self.child.ready = None
        self.child.start()

    def ready(self) -> None:
        """Wait until it is at work."""
        if self.kind == "beat":
            self.child.wait_for_output("beat: Starting")
        else:
            self.child.wait_for_output(_WAITING if self.kind == "events" else WORKER_READY)

    def age(self) -> None:
        """As if it had not beaten for long: only its loop can make it well again."""
        for path in self._beats.glob("*.json"):
            moment = path.stat().st_mtime - 10 * STALE_S
            os.utime(path, (moment, moment))

    def ill(self) -> str:
        """What its health check says against it; empty if it is well."""
        if not self.child.running:
            return f"{self.name} ended with {self.child.returncode}"
        if self.kind == "events":
            return ""
        told = CliRunner().invoke(healthcheck, env={"PLUGINS_HEARTBEAT_DIR": str(self._beats)})
        return f"{self.name}: {told.output.strip()}" if told.exit_code else ""


class Load(threading.Thread):
    """Sends what the ledger knows of; while it is silent the Redis itself still takes it."""

    def __init__(self, redis_url: str, seed: int, pause_s: float) -> None:
        super().__init__(daemon=True)
        self.traffic = Traffic(seed, partitions=1)
        self.sent = 0
        self._redis = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=10)
        self._pause_s = pause_s
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(self._pause_s):
            element = self.traffic.next()
            tries = self._push(element.queue, element.raw)
            if element.poison and tries > 1:
                self.traffic.model.doubtful[element.raw] += tries - 1
            self.sent += 1

    def _push(self, queue: str, raw: bytes) -> int:
        tries = 1
        while True:
            try:
                self._redis.lpush(queue, raw)
            except RedisError:
                tries += 1
                time.sleep(0.05)
            else:
                return tries

    def stop(self) -> None:
        self._done.set()
        self.join()
        self._redis.close()


class Caller(threading.Thread):
    """One ask of a client that has connections from before the outage.

    `took_s`: how long it took to be answered. `met`: the errors before that.
    """

    def __init__(self, url: str, operation: str) -> None:
        super().__init__(daemon=True)
        self.took_s = float("inf")
        self.met: list[str] = []
        self._client = PluginClient(url)
        self._operation = operation
        self._ask()

    def _ask(self) -> bool:
        """Ask until there is an answer. Refused, it is through all the same, and leaves the ledger as it is."""
        until = time.monotonic() + _ENOUGH_S
        while time.monotonic() < until:
            try:
                self._client.ask(self._operation, domain_id="caller", plugin_id="nobody", timeout_s=10)
            except (AskTimeout, RedisUnavailable) as error:
                self.met.append(repr(error))
            except PluginNotFound:
                return True
        return False

    def run(self) -> None:
        begun = time.monotonic()
        if self._ask():
            self.took_s = time.monotonic() - begun


class Stand:
    """A deployment of its own, with two processes of each kind. `redis_url`: what they and callers use."""

    def __init__(
        self,
        redis: RedisServer,
        mongo: MongoReplicaSet,
        host: SilentHost,
        form: Form,
        folder: Path,
        members: Iterable[tuple[str, int]] = tuple(product(KINDS, (1, 2))),
    ) -> None:
        self.form = form
        self.redis_url = host.url() if form == "silent" else redis.url
        self._server, self._host = redis, host
        self._stopped = mongo.members[0] if form == "mongodb" else redis
        self.redis = Redis.from_url(redis.url, retry=Retry(NoBackoff(), 0), socket_timeout=10)
        mongo_url = mongo.url(f"outages-{redis.port}")
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(mongo_url)
        env = {"PLUGINS_REDIS_URL": self.redis_url, "PLUGINS_MONGODB_URL": mongo_url}
        self.members = [Member(kind, number, env, folder) for kind, number in members]

    def close(self) -> None:
        for member in self.members:
            member.child.kill()
        self.redis.close()
        self.mongo.close()

    def go_away(self, number: int) -> None:
        """Begin an outage. `number`: in every other silent one, connecting is not even answered."""
        if self.form == "silent":
            self._host.fall_silent(accepts=number % 2 == 0)
        elif self.form in ("stopped", "mongodb"):
            self._stopped.pause()
        else:
            self._server.kill()

    def come_back(self) -> None:
        if self.form == "silent":
            self._host.come_back()
        elif self.form in ("stopped", "mongodb"):
            self._stopped.resume()
        else:
            self._server.start()

    def ill(self) -> list[str]:
        """What the health checks say against its members."""
        return [told for member in self.members if (told := member.ill())]

    def last_event(self) -> bytes:
        """The id of the newest entry of the stream; waits for a Redis that loads its data."""
        while True:
            with suppress(RedisError):
                found: Any = self.redis.xrevrange("plugin.events", count=1)
                return found[0][0] if found else b""
            time.sleep(0.02)

    def inspect(self, model: Any, within_s: float) -> aftermath.Aftermath:
        """Everything that is wrong once there is rest."""
        until = time.monotonic() + within_s
        database = self.mongo.get_default_database()
        while time.monotonic() < until and aftermath.leftovers(self.redis, database, [QUEUE]):
            time.sleep(0.1)
        return aftermath.inspect(model, self.redis, database, [QUEUE])


class Watch(threading.Thread):
    """Asks each process twice a second how it is. A process that has just started has 30 s until its first beat."""

    START_S = 30.0

    def __init__(self, members: list[Member]) -> None:
        super().__init__(daemon=True)
        self.ill: dict[str, str] = {}
        self._ill_since: dict[str, float] = {}
        self._members = members
        self._told_to_end: set[str] = set()
        self._lock = threading.Lock()
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.5):
            for member in self._members:
                with self._lock:
                    starts = time.monotonic() - member.began < self.START_S
                    told = "" if member.name in self._told_to_end else member.ill()
                if told and not (starts and member.child.running):
                    since = self._ill_since.setdefault(member.name, time.monotonic())
                    self.ill[member.name] = f"{told}, ill for {time.monotonic() - since:.0f} s"

    @contextmanager
    def ending(self, member: Member) -> Iterator[None]:
        """The end of this one is meant."""
        with self._lock:
            self._told_to_end.add(member.name)
        try:
            yield
        finally:
            with self._lock:
                self._told_to_end.discard(member.name)

    def stop(self) -> None:
        self._done.set()
        self.join()


def seconds_until(condition: Callable[[], object], limit_s: float) -> float:
    """How long it takes until the condition holds; infinite after the limit."""
    begun = time.monotonic()
    while time.monotonic() - begun < limit_s:
        with suppress(RedisError):
            if condition():
                return time.monotonic() - begun
        time.sleep(0.02)
    return float("inf")
