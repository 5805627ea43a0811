"""Curve: the time of a read by the number of reads in flight, beside tasks that do nothing."""

from collections.abc import Callable

from tests.bench.case import Case, Curve, Plan, Record
from tests.bench.cases.scene import bare_reader, reader, reads, register_plugins
from tests.bench.flight import Pilot
from tests.bench.load import Message, noops
from tests.bench.servers import Servers

_IN_FLIGHT = (1, 4, 16, 64)


def run(servers: Servers, plan: Plan, record: Record) -> None:
    register_plugins(servers)
    for way in plan.turns(gets, tasks):
        way(servers, plan, record)


def gets(servers: Servers, plan: Plan, record: Record) -> None:
    with reader(servers):
        _measure(servers, plan, record, "get", reads)


def tasks(servers: Servers, plan: Plan, record: Record) -> None:
    with bare_reader(servers):
        _measure(servers, plan, record, "no-op", noops)


def _measure(
    servers: Servers, plan: Plan, record: Record, name: str, make: Callable[[int], list[Message]]
) -> None:
    with Pilot(servers.redis) as pilot:
        for in_flight in _IN_FLIGHT:
            flight = pilot.fly(make(plan.size(1_500, 100)), in_flight)
            record.add({f"{name} p50": flight.ms(0.5), f"{name} p99": flight.ms(0.99)}, at=in_flight)


CASE = Case(
    name="get-load",
    title="Time of plugin.get by load",
    units={"get p50": "ms", "get p99": "ms", "no-op p50": "ms", "no-op p99": "ms"},
    run=run,
    curve=Curve(x="in flight", y="milliseconds", is_log=True),
)
