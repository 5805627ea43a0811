"""Curve: throughput by the largest group of commands that are applied together."""

from tests.bench.answers import drain
from tests.bench.case import Case, Curve, Plan, Record
from tests.bench.load import push, singles
from tests.bench.servers import Servers

_SIZES = (1, 4, 16, 64, 256)


def run(servers: Servers, plan: Plan, record: Record) -> None:
    for size in plan.turns(*_SIZES):
        servers.empty()
        sent = singles(plan.size(3_000, 600))
        push(servers.redis, sent)
        with servers.worker("commands", env={"PLUGINS_GROUP_MAX": str(size)}) as worker:
            record.add({"commands": drain(servers, [worker], sent).per_s}, at=size)


CASE = Case(
    name="group-size",
    title="Throughput by PLUGINS_GROUP_MAX",
    units={"commands": "/s"},
    run=run,
    curve=Curve(x="PLUGINS_GROUP_MAX", y="answered per second"),
)
