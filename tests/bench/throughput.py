"""Throughput of the lossless transport beside the stock one: `python -m tests.bench.throughput [--rounds N]`.

One worker of the commands queue, as it is shipped, empties a queue that was filled before; in every round the
transports are measured in turn. Also a worker of nothing but Celery with the same pool settings.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from redis import Redis

from tests.support.messages import message
from tests.support.servers import start_mongod, start_redis, start_worker

QUEUE = "plugin.commands"
WARM = 0.1
"""The part of the messages that is not measured: the worker gets warm."""

Fill = Callable[[int], list[tuple[str, dict[str, Any]]]]


def writes(count: int) -> list[tuple[str, dict[str, Any]]]:
    """A register and four updates for each plugin."""
    commands: list[tuple[str, dict[str, Any]]] = []
    for number in range(count):
        plugin = f"plugin-{number // 5}"
        if number % 5:
            params = {"domain_id": "bench", "plugin_id": plugin, "tags": {"n": number}}
            commands.append(("plugin.update", params))
        else:
            commands.append(("plugin.register", _registration(plugin)))
    return commands


def noops(count: int) -> list[tuple[str, dict[str, Any]]]:
    return [("bench.noop", {"n": number}) for number in range(count)]


def batches(count: int) -> list[tuple[str, dict[str, Any]]]:
    """Batches of 500 registrations."""
    return [
        (
            "plugin.batch",
            {
                "commands": [
                    {"id": f"b{n}-{i}", "operation": "plugin.register", "params": _registration(f"p{n}-{i}")}
                    for i in range(500)
                ]
            },
        )
        for n in range(count)
    ]


def _registration(plugin: str) -> dict[str, Any]:
    fields = {"name": plugin, "service_type": "notification.Protocol", "image": f"acme/{plugin}"}
    return {"domain_id": "bench", **fields, "tags": {"description": "x" * 100}}


class Bench:
    """The servers, and one measure of a worker on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.redis_server = start_redis(folder / "redis", appendfsync="everysec", maxmemory="2gb")
        self.mongo = start_mongod(folder / "mongo")
        self.redis = Redis.from_url(self.redis_server.url)

    def close(self) -> None:
        self.redis.close()
        self.redis_server.stop()
        self.mongo.stop()

    def measure(self, fill: Fill, count: int, **env: str) -> tuple[float, float]:
        """Messages a second, and milliseconds of the worker's processor time a message.

        The second says more than the first where others use the same machine.
        """
        self.redis.flushall()
        with MongoClient[dict[str, Any]](self.mongo.url()) as client:
            client.drop_database("plugins")
        with self.redis.pipeline(transaction=False) as pipe:
            for number, (task, kwargs) in enumerate(fill(count)):
                pipe.lpush(QUEUE, message(task, kwargs, f"m{number}", QUEUE))
            pipe.execute()
        settings = {
            "PLUGINS_REDIS_URL": self.redis_server.url,
            "PLUGINS_MONGODB_URL": self.mongo.url(),
            **env,
        }
        arguments = ["-Q", QUEUE, "--loglevel", "WARNING"]
        log = self.folder / "worker.log"
        worker = start_worker(*arguments, app="tests.bench.throughput_app", env=settings, log=log, ready=None)
        try:
            return self._speed(count, worker)
        finally:
            worker.stop()

    def _speed(self, count: int, worker: Any) -> tuple[float, float]:
        started, busy, first, deadline = 0.0, 0.0, 0, time.monotonic() + 300
        while (left := int(self.redis.llen(QUEUE))) > 0:
            if not worker.running or time.monotonic() > deadline:
                raise RuntimeError(f"{left} messages are left:\n{worker.tail()}")
            if not started and left <= count * (1 - WARM):
                started, busy, first = time.perf_counter(), _busy_s(worker.pid), left
            time.sleep(0.005)
        return first / (time.perf_counter() - started), 1000 * (_busy_s(worker.pid) - busy) / first


def _busy_s(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


MEASURES: dict[str, tuple[Fill, int, int]] = {
    "write (register, update)": (writes, 1500, 1),
    "no-op": (noops, 4000, 1),
    "batch of 500, items": (batches, 20, 500),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        bench = Bench(Path(folder))
        try:
            report(bench, rounds)
        finally:
            bench.close()


def report(bench: Bench, rounds: int) -> None:
    """Print every round, and the medians of the speeds and of the ratios in a round."""
    for name, (fill, count, items) in MEASURES.items():
        transports = {"lossless": {}, "stock": {"TEST_TRANSPORT": "stock"}}
        if fill is noops:
            transports["bare Celery"] = {"TEST_TRANSPORT": "bare"}
        speeds: dict[str, list[float]] = {transport: [] for transport in transports}
        costs: dict[str, list[float]] = {transport: [] for transport in transports}
        for turn in range(rounds):
            for transport in [*transports] if turn % 2 else [*reversed(transports)]:
                speed, cost = bench.measure(fill, count, **transports[transport])
                speeds[transport].append(items * speed)
                costs[transport].append(cost / items)
            _print(
                f"  {name}: "
                + ", ".join(f"{t} {speeds[t][-1]:.0f}/s {costs[t][-1]:.2f} ms" for t in transports)
            )
        for transport in [*transports][1:]:
            ratios = [a / b for a, b in zip(speeds["lossless"], speeds[transport], strict=True)]
            ours, theirs = statistics.median(costs["lossless"]), statistics.median(costs[transport])
            _print(
                f"{name}: lossless {statistics.median(speeds['lossless']):.0f}/s, {transport} "
                f"{statistics.median(speeds[transport]):.0f}/s, ratio {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}); processor {ours:.2f} ms and {theirs:.2f} ms, "
                f"ratio {theirs / ours:.2f}"
            )


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
