"""Real servers and workers for tests: started on the loopback interface, stopped by their pid.

Everything started here ends with the test process, even when that one is killed.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.support.forked import ForkedProcess
from tests.support.ports import free_port
from worker.devtools.embedded import (
    Binary,
    ChildProcess,
    MongoReplicaSet,
    MongoServer,
    RedisServer,
    redis_binaries,
    wait_until,
)

__all__ = [
    "ROOT",
    "WORKER_READY",
    "Binary",
    "ChildProcess",
    "MongoReplicaSet",
    "MongoServer",
    "RedisServer",
    "free_port",
    "is_running",
    "redis_by_age",
    "run_worker",
    "start_beat",
    "start_mongod",
    "start_redis",
    "start_replica_set",
    "start_worker",
    "wait_until",
]

ROOT = Path(__file__).resolve().parents[2]
WORKER_READY = "@localhost ready."  # what celery logs when a worker consumes


def redis_by_age() -> list[Binary]:
    """The servers at hand, the oldest first: on Python 3.11 and 3.12 that one is Redis 6.2, the oldest supported."""
    return sorted(redis_binaries(), key=lambda binary: binary.version)


def start_redis(
    directory: Path,
    port: int | None = None,
    *,
    appendfsync: Literal["always", "everysec", "no"] | None = "everysec",
    maxmemory: str = "256mb",
    binary: Binary | None = None,
) -> RedisServer:
    """Start a redis-server; `.kill()` and `.start()` bring it back on the same port and data."""
    return RedisServer(
        directory, port=port or free_port(), appendfsync=appendfsync, maxmemory=maxmemory, binary=binary
    ).start()


def start_mongod(directory: Path, port: int | None = None, *, replica_set: str = "rs0") -> MongoReplicaSet:
    """Start a replica set of one; `.members[0].kill()`, `.members[0].start()`, `.wait_for_primary()`."""
    return start_replica_set(directory, members=1, ports=None if port is None else [port], name=replica_set)


def start_replica_set(
    directory: Path, *, members: int = 3, ports: list[int] | None = None, name: str = "rs0"
) -> MongoReplicaSet:
    """Start a replica set with quick elections (2 s); `.primary()`, `.members[i].kill()` and `.start()`."""
    ports = ports or [free_port() for _ in range(members)]
    return MongoReplicaSet(
        directory, members=members, ports=ports, name=name, election_timeout_ms=2_000
    ).start()


class ForkedCelery(ChildProcess):
    """`python -m celery ARGUMENTS`, forked from a process that has the service imported."""

    def _spawn(self, env: Mapping[str, str], stdout: int) -> ForkedProcess:
        return ForkedProcess(self.arguments[3:], env, ROOT, self.log)


def start_worker(
    *arguments: str,
    env: Mapping[str, str | None],
    log: Path,
    app: str = "worker",
    ready: str | None = WORKER_READY,
    timeout_s: float = 120.0,
    fresh: bool = False,
) -> ChildProcess:
    """Start `celery -A worker worker ARGUMENTS` and wait until it consumes.

    `arguments`: such as "-Q", "plugin.commands"; "--hostname" defaults to a unique one. `env` is added to the
    environment (None takes a variable out). `ready`: the text of the log to wait for, None waits for nothing.
    `app`: the `-A` value. `fresh`: an interpreter of its own; else it is forked from one, which is quicker.
    Its end is the caller's: `.stop()` (SIGTERM), `.kill()`, `.pause()`, `.resume()`; `.start()` starts it
    again and waits as before.
    """
    name = f"worker-{free_port()}@localhost"
    return (ChildProcess if fresh else ForkedCelery)(
        [
            *(sys.executable, "-m", "celery", "-A", app, "worker", "--hostname", name, "--loglevel", "INFO"),
            *arguments,
        ],
        log=log,
        env={"PYTHONUNBUFFERED": "1", **env},
        cwd=ROOT,
        name=name,
        ready=ready,
        ready_timeout_s=timeout_s,
    ).start()


def start_beat(
    *, env: Mapping[str, str | None], log: Path, app: str = "worker", fresh: bool = False
) -> ChildProcess:
    """Start `celery -A worker beat`; its end is the caller's."""
    return (ChildProcess if fresh else ForkedCelery)(
        [
            *(sys.executable, "-m", "celery", "-A", app, "beat"),
            *("--scheduler", "worker.process.beat:Scheduler", "--loglevel", "INFO"),
        ],
        log=log,
        env=env,
        cwd=ROOT,
        name="beat",
    ).start()


@contextmanager
def run_worker(
    *arguments: str,
    env: Mapping[str, str | None],
    log: Path,
    app: str = "worker",
    ready: str | None = WORKER_READY,
    timeout_s: float = 120.0,
) -> Iterator[ChildProcess]:
    """`start_worker` for a with statement: stopped at its end (SIGKILL after 60 s of SIGTERM)."""
    process = start_worker(*arguments, env=env, log=log, app=app, ready=ready, timeout_s=timeout_s)
    try:
        yield process
    finally:
        process.stop(timeout_s=60)


def is_running(pid: int) -> bool:
    """Whether there is a process `pid` that has not ended; one that nobody has waited for yet has."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
