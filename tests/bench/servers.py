"""The servers of one case, and workers on them: as they ship, or of nothing but Celery."""

import itertools
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.database import Database
from redis import Redis

from contracts.client import PluginClient
from tests.bench.load import NOOPS
from tests.support.servers import ROOT, ChildProcess, start_mongod, start_redis, start_worker
from worker.devtools.procfile import read_procfile

_MAXMEMORY = "2gb"


class BenchError(Exception):
    """Raised when a case cannot measure what it is to measure."""


class Servers:
    """A redis-server and a mongod of their own under ``folder``, and what is measured on them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers = itertools.count(1)
        self._redis_server = start_redis(folder / "redis", maxmemory=_MAXMEMORY)
        try:
            self._mongodb = start_mongod(folder / "mongodb")
        except BaseException:
            self._redis_server.stop()
            raise
        self.redis = Redis.from_url(self.redis_url)
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(self._mongodb.url(), tz_aware=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.redis.close()
        self.mongo.close()
        self._mongodb.stop()
        self._redis_server.stop()

    @property
    def redis_url(self) -> str:
        return self._redis_server.url

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The database of the workers."""
        return self.mongo["plugins"]

    @property
    def versions(self) -> dict[str, str]:
        return {
            "redis": str(self.redis.info("server")["redis_version"]),
            "mongod": str(self.mongo.server_info()["version"]),
        }

    def client(self) -> PluginClient:
        return PluginClient(self.redis_url)

    def empty(self) -> None:
        """Leave nothing in either server."""
        self.redis.flushall()
        self.mongo.drop_database("plugins")

    def events(self) -> int:
        """Return the number of events on the stream."""
        return int(self.redis.xlen("plugin.events"))

    @contextmanager
    def worker(
        self, process: str, *, queue: str | None = None, env: Mapping[str, str] | None = None
    ) -> Iterator[ChildProcess]:
        """Run a process of the Procfile, as it ships; it may not be ready yet.

        ``queue``: another one than the process has. ``env``: settings.
        """
        arguments = shipped(process)
        if queue is not None:
            arguments[arguments.index("-Q") + 1] = queue
        with self._run(arguments, "worker", env or {}) as running:
            yield running

    @contextmanager
    def bare_worker(self, process: str) -> Iterator[ChildProcess]:
        """Run a worker of nothing but Celery, with the pool and the concurrency of a process that ships."""
        arguments = shipped(process)
        arguments[arguments.index("-Q") + 1] = NOOPS
        with self._run(arguments, "tests.bench.bare", {}) as running:
            yield running

    @contextmanager
    def _run(self, arguments: list[str], app: str, env: Mapping[str, str]) -> Iterator[ChildProcess]:
        settings: dict[str, str | None] = {name: None for name in os.environ if name.startswith("PLUGINS_")}
        settings |= {
            "PLUGINS_REDIS_URL": self.redis_url,
            "PLUGINS_MONGODB_URL": self._mongodb.url(),
            "PLUGINS_HEARTBEAT_DIR": str(self._folder / "heartbeats"),
            **env,
        }
        process = start_worker(
            *arguments,
            *("--loglevel", "WARNING"),
            app=app,
            env=settings,
            log=self._folder / f"worker-{next(self._workers)}.log",
            ready=None,
            fresh=True,
        )
        try:
            yield process
        finally:
            process.stop()

    def busy_s(self) -> dict[str, float]:
        """Return the processor time that each server has used, in seconds."""
        return {
            "mongod": processor_s(self._mongodb.members[0].pid),
            "redis": processor_s(self._redis_server.pid),
        }


def shipped(process: str) -> list[str]:
    """Return the arguments of a worker of the Procfile, without its name and its log level."""
    (command,) = (p.command for p in read_procfile(ROOT / "worker" / "Procfile") if p.name == process)
    words = shlex.split(command)
    words = words[words.index("worker", words.index("-A") + 2) + 1 :]
    for option in ("-n", "--loglevel"):
        del words[words.index(option) : words.index(option) + 2]
    return words


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the memory of a process that is in use and in RAM, in MiB."""
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in each)
    return int(line.split()[1]) / 1024
