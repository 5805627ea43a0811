"""Reads per second with 64 in flight, beside tasks that do nothing."""

from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import bare_reader, reader, reads, register_plugins
from tests.bench.flight import Pilot
from tests.bench.load import noops
from tests.bench.servers import Servers, processor_s

_IN_FLIGHT = 64


def run(servers: Servers, plan: Plan, record: Record) -> None:
    register_plugins(servers)
    for way in plan.turns(gets, tasks):
        record.add(way(servers, plan))


def gets(servers: Servers, plan: Plan) -> dict[str, float]:
    with reader(servers) as worker, Pilot(servers.redis) as pilot:
        before = processor_s(worker.pid)
        flight = pilot.fly(reads(plan.size(4_000, 400)), _IN_FLIGHT)
        return {"gets": flight.per_s, "worker busy": (processor_s(worker.pid) - before) / flight.seconds}


def tasks(servers: Servers, plan: Plan) -> dict[str, float]:
    with bare_reader(servers), Pilot(servers.redis) as pilot:
        return {"no-op tasks": pilot.fly(noops(plan.size(4_000, 400)), _IN_FLIGHT).per_s}


CASE = Case(
    name="get-throughput",
    title="plugin.get, 64 in flight, one worker as it ships",
    units={"gets": "/s", "worker busy": "cores", "no-op tasks": "/s"},
    run=run,
    comparisons=(Comparison("gets", "no-op tasks", asked="at least 0.95"),),
)
