"""A Redis of 256 MB under small updates of a large plugin: `python -m tests.system.flood [--updates 10000]`.

It must never be full, and reads of another domain must be answered within 2 s throughout. Ends with status 1 if not.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis import Redis

from contracts.client import PluginClient
from tests.support.full import Peak, used, watched
from tests.support.messages import message
from tests.support.servers import redis_by_age, run_worker, start_mongod, start_redis

_MOST_WAITING = 2_000
_MOST_S = 2.0
_LARGE: dict[str, Any] = {"domain_id": "large", "plugin_id": "large"}


class Reader(threading.Thread):
    """Reads a plugin of another domain again and again, and keeps how long each answer took, in seconds."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.took: list[float] = []
        self.failed: list[str] = []
        self._client = PluginClient(url)
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.1):
            begun = time.monotonic()
            try:
                self._client.ask("get", domain_id="small", plugin_id="small", timeout_s=30)
            except Exception as error:  # each is told at the end
                self.failed.append(repr(error))
            self.took.append(time.monotonic() - begun)

    def stop(self) -> None:
        self._done.set()
        self.join()
        self._client.close()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def make_plugins(url: str) -> None:
    """A plugin of about 1 MiB, and a small one of another domain."""
    given: dict[str, Any] = {"name": "n", "service_type": "s"}
    with PluginClient(url) as client:
        client.ask("register", image="a/small", domain_id="small", **given)
        client.ask("register", image="a/large", domain_id="large", **given)
        for field in ("capability", "tags", "template"):
            update: dict[str, Any] = {**_LARGE, field: {"x": "y" * 340_000}}
            client.ask("update", **update)


def flood(redis: Redis, updates: int) -> None:
    """Send the updates, and wait until the last one is on the stream."""
    for number in range(updates):
        if number % 1000 == 0:
            while redis.llen("plugin.commands") > _MOST_WAITING:
                time.sleep(0.05)
            say(f"{number} sent, {used(redis) / 2**20:.0f} MiB used")
        update = {**_LARGE, "labels": [str(number)]}
        redis.lpush("plugin.commands", message("plugin.update", update, f"u{number}", "plugin.commands"))
    while _revision(redis) < updates + 4:
        time.sleep(0.1)


def _revision(redis: Redis) -> int:
    position: Any = redis.hget("plugin.events:revisions", "PluginChanged|large/large")
    return int(position.split(b":")[0])


def run(updates: int, maxmemory: str, folder: Path, newest: bool) -> tuple[Peak, Reader]:
    """Flood a deployment of its own."""
    binary = redis_by_age()[-1 if newest else 0]
    server = start_redis(folder / "redis", maxmemory=maxmemory, binary=binary)
    mongo = start_mongod(folder / "mongo")
    env = {"PLUGINS_REDIS_URL": server.url, "PLUGINS_MONGODB_URL": mongo.url("plugins")}
    queries = ("-Q", "plugin.queries", "--concurrency", "4")
    try:
        with (
            run_worker("-Q", "plugin.commands", env=env, log=folder / "commands.log"),
            run_worker(*queries, env=env, log=folder / "queries.log"),
            Redis.from_url(server.url) as redis,
            watched(redis) as peak,
        ):
            make_plugins(server.url)
            reader = Reader(server.url)
            reader.start()
            begun = time.monotonic()
            flood(redis, updates)
            took = time.monotonic() - begun
            reader.stop()
            stream = int(redis.memory_usage("plugin.events", samples=0) or 0)
            say(
                f"Redis {binary.version_text}: {updates} updates in {took:.0f} s; {len(reader.took)} reads, the slowest "
                f"{max(reader.took):.2f} s; stream {stream / 2**20:.0f} MiB"
            )
    finally:
        server.stop()
        mongo.stop()
    return peak, reader


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--maxmemory", default="256mb")
    parser.add_argument("--newest", action="store_true", help="the newest Redis at hand, not the oldest")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        peak, reader = run(given.updates, given.maxmemory, Path(folder), given.newest)
    say(
        f"at most {peak.share:.0%} of its memory used, {peak.refused} refusals, {len(reader.failed)} reads failed"
    )
    for failed in reader.failed[:3]:
        say(failed)
    return int(peak.share >= 1 or peak.refused > 0 or bool(reader.failed) or max(reader.took) > _MOST_S)


if __name__ == "__main__":
    sys.exit(main())
