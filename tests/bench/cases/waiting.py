"""Curve: throughput by the number of commands that come at once."""

from collections.abc import Callable

from tests.bench.answers import settle
from tests.bench.case import Case, Curve, Plan, Record
from tests.bench.cases.scene import commands_worker
from tests.bench.flight import Pilot
from tests.bench.load import Message, noops, singles
from tests.bench.servers import Servers

_COMMANDS = (1, 4, 16, 64, 256, 1024, 4096)
_FEW = (1, 16, 256)
_REPEATED = 256
"""Small numbers are sent again and again, until there were so many commands."""


def run(servers: Servers, plan: Plan, record: Record) -> None:
    for way in plan.turns(commands, tasks):
        way(servers, plan, record)


def commands(servers: Servers, plan: Plan, record: Record) -> None:
    with commands_worker(servers):
        _measure(servers, plan, record, "commands", singles)


def tasks(servers: Servers, plan: Plan, record: Record) -> None:
    servers.empty()
    with servers.bare_worker("commands") as worker:
        settle(servers, [worker], noops(_REPEATED))
        _measure(servers, plan, record, "no-op tasks", noops)


def _measure(
    servers: Servers, plan: Plan, record: Record, metric: str, make: Callable[[int], list[Message]]
) -> None:
    with Pilot(servers.redis) as pilot:
        for count in _FEW if plan.quick else _COMMANDS:
            flights = [pilot.fly(make(count), count) for _ in range(max(1, _REPEATED // count))]
            per_s = count * len(flights) / sum(flight.seconds for flight in flights)
            record.add({metric: per_s}, at=count)


CASE = Case(
    name="waiting",
    title="Throughput by waiting commands",
    units={"commands": "/s", "no-op tasks": "/s"},
    run=run,
    curve=Curve(x="commands that come at once", y="answered per second"),
)
