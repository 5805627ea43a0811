"""Measures of the image schedule: `python -m tests.bench.sync [--minutes M]`, on servers of its own, bounded.

Tells what a tick over 100,000 images that are all due costs, in MongoDB commands, their time and memory, and
how the schedule goes on from there in simulated time.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from pymongo import monitoring
from redis import Redis

from tests.support.mongo_commands import MongoCommands
from tests.support.servers import start_mongod, start_redis
from tests.versions.fleet import LATENCY_S, TICK_S, Fleet
from worker.registries import Limit
from worker.store.client import connect_mongodb

IMAGES = 100_000
HOSTS = 20
LIMIT = Limit(4.0, 3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=2.0, help="simulated minutes of the schedule")
    minutes = parser.parse_args().minutes
    commands = MongoCommands(kept=0)
    monitoring.register(commands)
    with tempfile.TemporaryDirectory() as folder:
        redis_server = start_redis(Path(folder) / "redis", appendfsync=None)
        mongodb = start_mongod(Path(folder) / "mongodb")
        try:
            database = connect_mongodb(mongodb.url("bench"))
            with database.client, Redis.from_url(redis_server.url) as redis:
                fleet = Fleet(database, redis, images=IMAGES, hosts=HOSTS, limit=LIMIT)
                measure(fleet, commands, minutes)
        finally:
            mongodb.stop()
            redis_server.stop()


def measure(fleet: Fleet, commands: MongoCommands, minutes: float) -> None:
    say(f"{IMAGES} images at {HOSTS} registries: {LIMIT.rate} requests/s and {LIMIT.at_once} at once each")
    fleet.time.run(3_600)  # nobody ticks for an hour: everything is due
    memory = memory_mb()
    commands.clear()
    started = time.perf_counter()
    sent = sum(fleet.dispatch.all_groups().values())
    took = time.perf_counter() - started
    say(
        f"a tick, all due: {sent} images sent in {took:.3f} s, of it MongoDB {commands.seconds:.3f} s in"
        f" {commands.ended} commands; memory grew by {memory_mb() - memory:.1f} MB"
    )
    fleet.beat()
    commands.clear()
    started = time.perf_counter()
    fleet.time.run(60 * minutes)
    took = time.perf_counter() - started
    refreshed = len(fleet.publisher.data)
    share = refreshed / (HOSTS * LIMIT.rate * 60 * minutes)
    say(
        f"{minutes:g} simulated minutes, ticks of {TICK_S:g} s, {LATENCY_S:g} s a request: {refreshed} images"
        f" refreshed, {share:.2f} of what the budgets allow; {took / refreshed * 1_000:.1f} ms each, of it"
        f" MongoDB {commands.seconds / refreshed * 1_000:.1f} ms in {commands.ended / refreshed:.1f} commands"
    )
    say(f"memory of the process at most: {memory_mb():.0f} MB")
    fleet.time.close()


def memory_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
