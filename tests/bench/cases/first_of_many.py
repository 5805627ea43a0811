"""The first and the last of 256 commands that come at once, beside a command alone."""

import time

from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import PLUGINS, commands_worker
from tests.bench.figures import percentile
from tests.bench.flight import Pilot
from tests.bench.load import updates
from tests.bench.servers import Servers

_MANY = 256
_PAUSE_S = 0.02
"""The worker has settled what came before, and waits."""


def run(servers: Servers, plan: Plan, record: Record) -> None:
    for _ in range(plan.rounds):
        with commands_worker(servers), Pilot(servers.redis) as pilot:
            record.add(_measure(pilot, plan.size(20, 3)))


def _measure(pilot: Pilot, times: int) -> dict[str, float]:
    """Return the milliseconds to each answer, the medians of so many times."""
    took: dict[str, list[float]] = {"alone": [], "first of 256": [], "last of 256": []}
    for _ in range(times):
        time.sleep(_PAUSE_S)
        took["alone"] += pilot.fly(updates(1, PLUGINS), 1).took
        time.sleep(_PAUSE_S)
        answered = pilot.fly(updates(_MANY, PLUGINS), _MANY).took
        took["first of 256"].append(answered[0])
        took["last of 256"].append(answered[-1])
    return {name: 1_000 * percentile(each, 0.5) for name, each in took.items()}


CASE = Case(
    name="first-of-256",
    title="256 commands at once, sent to answered",
    units={"alone": "ms", "first of 256": "ms", "last of 256": "ms"},
    run=run,
    comparisons=(Comparison("first of 256", "alone", asked="at most 150 ms more", kind="difference"),),
)
