"""The commands that Redis gets from a worker that has nothing to do."""

import time

from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import bare_reader, commands_worker, reader, register_plugins
from tests.bench.servers import Servers

_QUIET_S = 2.0
"""What the start of a worker sends is over."""


def run(servers: Servers, plan: Plan, record: Record) -> None:
    seconds = plan.size(20, 3)
    for way in plan.turns(commands, queries, bare):
        record.add(way(servers, seconds))


def commands(servers: Servers, seconds: float) -> dict[str, float]:
    with commands_worker(servers):
        return {"commands worker": _calls_per_s(servers, seconds)}


def queries(servers: Servers, seconds: float) -> dict[str, float]:
    register_plugins(servers)
    with reader(servers):
        return {"queries worker": _calls_per_s(servers, seconds)}


def bare(servers: Servers, seconds: float) -> dict[str, float]:
    servers.empty()
    with bare_reader(servers):
        return {"bare Celery worker": _calls_per_s(servers, seconds)}


def _calls_per_s(servers: Servers, seconds: float) -> float:
    """Return the commands a second, those of scripts included, our own look excluded."""
    time.sleep(_QUIET_S)
    before, begun = _calls(servers), time.perf_counter()
    time.sleep(seconds)
    # INFO counts itself when it has ended: the first one is in the second.
    return (_calls(servers) - before - 1) / (time.perf_counter() - begun)


def _calls(servers: Servers) -> int:
    return sum(int(stats["calls"]) for stats in servers.redis.info("commandstats").values())


CASE = Case(
    name="idle",
    title="Redis commands of an idle worker",
    units={"commands worker": "/s", "queries worker": "/s", "bare Celery worker": "/s"},
    run=run,
    comparisons=(
        Comparison("commands worker", "bare Celery worker"),
        Comparison("queries worker", "bare Celery worker"),
    ),
)
