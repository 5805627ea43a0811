"""Curve: throughput by the number of partitions, with a worker for each."""

from contextlib import ExitStack

from contracts.partition import queue_name
from tests.bench.answers import flow, settle
from tests.bench.case import Case, Curve, Plan, Record
from tests.bench.load import singles
from tests.bench.servers import Servers

_WORKERS = (1, 2, 4)


def run(servers: Servers, plan: Plan, record: Record) -> None:
    for count in plan.turns(*_WORKERS):
        servers.empty()
        env = {"PLUGINS_COMMAND_PARTITIONS": str(count)}
        with ExitStack() as running:
            workers = [
                running.enter_context(servers.worker("commands", queue=queue_name(index, count), env=env))
                for index in range(count)
            ]
            settle(servers, workers, singles(100 * count, count))
            window = flow(servers, workers, singles(plan.size(6_000, 600), count))
        record.add({"commands": window.per_s}, at=count)


CASE = Case(
    name="workers",
    title="Throughput by workers, a partition each",
    units={"commands": "/s"},
    run=run,
    curve=Curve(x="workers", y="answered per second"),
)
