"""Single commands that wait in the queue before the worker starts, beside tasks that do nothing."""

from tests.bench.answers import check_events, drain
from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import BUSY, busy, drain_noops
from tests.bench.load import push, singles
from tests.bench.servers import Servers


def run(servers: Servers, plan: Plan, record: Record) -> None:
    for way in plan.turns(commands, tasks):
        record.add(way(servers, plan))


def commands(servers: Servers, plan: Plan) -> dict[str, float]:
    servers.empty()
    sent = singles(plan.size(6_000, 600))
    push(servers.redis, sent)
    with servers.worker("commands") as worker:
        window = drain(servers, [worker], sent)
    check_events(servers, len(sent))
    return {"commands": window.per_s, **busy(window)}


def tasks(servers: Servers, plan: Plan) -> dict[str, float]:
    window = drain_noops(servers, plan)
    return {"no-op tasks": window.per_s, "no-op worker busy": window.busy["worker"]}


CASE = Case(
    name="single",
    title="Single commands that wait, one worker",
    units={"commands": "/s", "no-op tasks": "/s", **BUSY, "no-op worker busy": "cores"},
    run=run,
    comparisons=(Comparison("commands", "no-op tasks", asked="at least 2.0"),),
)
