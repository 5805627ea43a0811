"""The memory of a commands worker that has applied many commands, beside what it had after a tenth of them."""

from tests.bench.answers import forget, settle
from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import PLUGINS, commands_worker
from tests.bench.load import updates
from tests.bench.servers import Servers, memory_mb

_WAVE = 2_000


def run(servers: Servers, plan: Plan, record: Record) -> None:
    """Send single commands in waves; one round says enough."""
    waves = plan.size(200_000, 20_000) // _WAVE
    after = {}
    with commands_worker(servers) as worker:
        for number in range(1, waves + 1):
            sent = updates(_WAVE, PLUGINS)
            settle(servers, [worker], sent)
            forget(servers, sent)
            after[number] = memory_mb(worker.pid)
            if number % (waves // 10) == 0:
                record.say(f"  memory: {number * _WAVE:,} commands, {after[number]:.1f} MiB")
    record.add({"after a tenth": after[waves // 10], "after all": after[waves]})


CASE = Case(
    name="memory",
    title="Memory of a commands worker, 20,000 and 200,000 commands",
    units={"after a tenth": "MiB", "after all": "MiB"},
    run=run,
    comparisons=(Comparison("after all", "after a tenth", asked="at most 1.10"),),
)
