"""One command alone: from its sending until its event is read."""

import time
from typing import Any

from tests.bench.answers import Answers
from tests.bench.case import Case, Plan, Record
from tests.bench.cases.scene import PLUGINS, commands_worker
from tests.bench.figures import percentile
from tests.bench.load import Message, updates
from tests.bench.servers import BenchError, Servers
from tests.support.servers import ChildProcess

_STREAM = "plugin.events"
_WARM = 20
_PAUSE_S = 0.01
"""The worker has settled the last command, and waits."""


def run(servers: Servers, plan: Plan, record: Record) -> None:
    for _ in range(plan.rounds):
        with commands_worker(servers) as worker:
            took = _measure(servers, worker, plan.size(500, 50))
        record.add({"p50": percentile(took, 0.5), "p99": percentile(took, 0.99)})


def _measure(servers: Servers, worker: ChildProcess, count: int) -> list[float]:
    """Return the milliseconds of each command."""
    last: Any = servers.redis.xrevrange(_STREAM, count=1)
    ((position, _),) = last
    took = []
    for sent in updates(_WARM + count, PLUGINS):
        begun = time.perf_counter()
        position = _event_behind(servers, position, sent)
        took.append(1_000 * (time.perf_counter() - begun))
        Answers(servers, [worker], [sent]).wait(1)
        time.sleep(_PAUSE_S)
    return took[_WARM:]


def _event_behind(servers: Servers, position: bytes, sent: Message) -> bytes:
    """Send a command, wait for the next event, and return its position on the stream."""
    servers.redis.lpush(sent.queue, sent.raw)
    read: Any = servers.redis.xread({_STREAM: position}, block=30_000)
    if not read:
        raise BenchError("no event within 30 s")
    ((_, entries),) = read
    found: bytes = entries[-1][0]
    return found


CASE = Case(
    name="alone",
    title="One command alone, sent to its event read",
    units={"p50": "ms", "p99": "ms"},
    run=run,
)
