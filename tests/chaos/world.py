"""A whole deployment on this machine, and what is done to it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.servers import (
    WORKER_READY,
    ChildProcess,
    start_beat,
    start_redis,
    start_replica_set,
    start_worker,
)

LEASE_S = 1
#: What twenty injuries in a row are, in an order made up anew each time.
DECK = {
    "kill -9 worker": 10,
    "SIGTERM worker": 3,
    "SIGSTOP worker": 3,
    "kill -9 redis": 2,
    "kill -9 mongodb primary": 1,
    "kill -9 beat": 1,
}


@dataclass(eq=False)
class Process:
    """A process that is started again after it has ended. `again_at`, `resume_at`: monotonic s."""

    child: ChildProcess
    killed: bool = False
    again_at: float = 0.0
    resume_at: float = 0.0
    term_until: float = 0.0

    @property
    def unhurt(self) -> bool:
        return self.child.running and not self.resume_at and not self.term_until

    def is_ready(self) -> bool:
        return self.unhurt and WORKER_READY in self.child.output(since_start=True)


@dataclass
class Tally:
    """What was done: injuries by name; ends of workers that nobody caused; ends that had to be forced."""

    injuries: Counter[str] = field(default_factory=Counter)
    ended_by_themselves: list[str] = field(default_factory=list)
    forced: int = 0

    @property
    def kills(self) -> int:
        return sum(count for name, count in self.injuries.items() if name.startswith("kill -9"))


class World:
    """Redis (every command on disk), a replica set of three, workers with standbys, and beat."""

    def __init__(
        self, folder: Path, seed: int, *, partitions: int, group_sizes: Sequence[int], app: str
    ) -> None:
        self.rng = random.Random(seed + 1)
        self.tally = Tally()
        self.partitions = partitions
        self.redis_server = start_redis(folder / "redis", appendfsync="always", maxmemory="2gb")
        self.mongo = start_replica_set(folder / "mongo")
        env = {
            "PLUGINS_REDIS_URL": self.redis_server.url,
            "PLUGINS_MONGODB_URL": self.mongo.url(),
            "PLUGINS_COMMAND_PARTITIONS": str(partitions),
            "PLUGINS_LEASE_S": str(LEASE_S),
        }
        half = partitions // 2
        own = [f"plugin.commands.{index}" for index in range(partitions)]
        listens = [own[:half], [*own[half:], "plugin.commands"], ["plugin.commands"], ["plugin.commands"]]
        self._group_sizes = group_sizes
        self.workers = [
            Process(
                start_worker(
                    *("-Q", ",".join(queues)),
                    app=app,
                    env=env | self._group_size(),
                    log=folder / f"{n}.log",
                    ready=None,
                    fresh=True,
                )
            )
            for n, queues in enumerate(listens)
        ]
        self.beat = Process(start_beat(app=app, env=env, log=folder / "beat.log", fresh=True))
        self.redis = Redis.from_url(self.redis_server.url, retry=Retry(NoBackoff(), 0), socket_timeout=10)
        self.client: MongoClient[dict[str, Any]] = MongoClient(self.mongo.url())
        self._deck: list[str] = []
        self._redis_again_at = 0.0
        self._mongo_again: tuple[Any, float] | None = None

    def _group_size(self) -> dict[str, str]:
        """What tells a worker how large its groups may be, another size at each start."""
        return {"PLUGINS_GROUP_MAX": str(self.rng.choice(self._group_sizes))}

    @property
    def database(self) -> Any:
        return self.client.get_default_database()

    @property
    def queues(self) -> list[str]:
        return ["plugin.commands", *(f"plugin.commands.{index}" for index in range(self.partitions))]

    def backlog(self) -> int:
        """Elements in the queues; 0 while Redis is away."""
        with suppress(RedisError):
            return sum(int(self.redis.llen(queue)) for queue in self.queues)
        return 0

    def push(self, queue: str, raw: bytes) -> int:
        """Push an element until Redis has confirmed it; how often it was tried."""
        tries = 0
        deadline = time.monotonic() + 120
        while True:
            tries += 1
            try:
                self.redis.lpush(queue, raw)
                return tries
            except RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    # Injuries and their healing, by one thread

    def ready_workers(self) -> int:
        return sum(process.is_ready() for process in self.workers)

    def injure(self) -> None:
        """Do one thing to one part; what cannot be done now is done to a worker instead."""
        if not self._deck:
            self._deck = list(Counter(DECK).elements())
            self.rng.shuffle(self._deck)
        name = self._deck.pop()
        if name == "kill -9 redis" and self.redis_server.running:
            self._count(name)
            self._redis_again_at = time.monotonic() + self.rng.uniform(0, 0.7)
            self.redis_server.kill()
            return
        primary = (
            self.mongo.primary() if name == "kill -9 mongodb primary" and not self._mongo_again else None
        )
        if primary:
            self._count(name)
            primary.kill()
            self._mongo_again = (primary, time.monotonic() + self.rng.uniform(0.5, 3))
            return
        if name == "kill -9 beat" and self.beat.unhurt:
            self._count(name)
            self._kill(self.beat)
            return
        unhurt = [process for process in self.workers if process.unhurt]
        if not unhurt:
            return
        victim = self._owner(unhurt) if self.rng.random() < 0.7 else self.rng.choice(unhurt)
        if name == "SIGTERM worker":
            victim.killed = True
            victim.term_until = time.monotonic() + 60
            victim.child.terminate()
        elif name == "SIGSTOP worker":
            victim.resume_at = time.monotonic() + self.rng.uniform(0.3, 3) * LEASE_S
            victim.child.pause()
        else:
            name = "kill -9 worker"
            self._kill(victim)
        self._count(name)

    def heal(self, at_once: bool = False) -> None:
        """Start and resume what it is time for; `at_once`: everything."""
        now = float("inf") if at_once else time.monotonic()
        if not self.redis_server.running and now >= self._redis_again_at:
            self.redis_server.start()
        if self._mongo_again and now >= self._mongo_again[1]:
            self._mongo_again[0].start()
            self._mongo_again = None
        for process in [*self.workers, self.beat]:
            self._heal(process, now)

    def _heal(self, process: Process, now: float) -> None:
        if process.resume_at and now >= process.resume_at:
            process.child.resume()
            process.resume_at = 0.0
        if process.term_until and process.child.running:
            if time.monotonic() < process.term_until:
                return
            self.tally.forced += 1
            process.child.kill()
        if not process.child.running:
            if not process.killed:
                name, status = process.child.name, process.child.returncode
                self.tally.ended_by_themselves.append(f"{name}: {status}")
            if process.again_at <= now:
                process.killed, process.term_until, process.again_at = False, 0.0, 0.0
                process.child.ready = None
                process.child.env |= self._group_size()
                process.child.start()

    def _kill(self, process: Process) -> None:
        process.killed = True
        process.child.kill()
        process.again_at = time.monotonic() + self.rng.uniform(0, 0.5)

    def _count(self, name: str) -> None:
        self.tally.injuries[name] += 1

    def _owner(self, unhurt: list[Process]) -> Process:
        """A worker that holds the lease of some partition, or any."""
        with suppress(RedisError):
            owner = self.redis.hget(f"{self.rng.choice(self.queues)}:lease", "owner")
            pid = int(owner.split(b":")[1]) if isinstance(owner, bytes) else 0
            for process in unhurt:
                if process.child.pid == pid:
                    return process
        return self.rng.choice(unhurt)

    def close(self) -> None:
        for process in [*self.workers, self.beat]:
            process.child.kill()
        self.redis.close()
        self.client.close()
        self.redis_server.kill()
        self.mongo.kill()


class Injurer(threading.Thread):
    """Heals all the time, and injures as the sending goes on."""

    def __init__(self, world: World, kills: int, progress: Callable[[], float], until: float) -> None:
        super().__init__(name="injurer", daemon=True)
        self.world = world
        self.kills = kills
        self._progress = progress
        self._until = until
        self._end = threading.Event()
        self.fault: BaseException | None = None

    @property
    def done(self) -> float:
        """The part of the injuries that has been done, from 0 to 1."""
        return min(1.0, self.world.tally.kills / self.kills) if self.kills else 1.0

    def run(self) -> None:
        try:
            self._run()
        except BaseException as fault:
            self.fault = fault

    def _run(self) -> None:
        last, gap = time.monotonic(), 0.0
        while not self._end.wait(0.02):
            self.world.heal()
            now = time.monotonic()
            due = self.done < min(1.0, self._progress() + 1 / self.kills) and now - last > gap
            if due and now < self._until and self.world.ready_workers():
                self.world.injure()
                last, gap = time.monotonic(), self.world.rng.uniform(0, 0.6)

    def finish(self) -> None:
        self._end.set()
        self.join()
        if self.fault:
            raise self.fault
        self.world.heal(at_once=True)
