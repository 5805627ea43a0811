"""What the servers and their drivers do alone, from one client."""

import time
from typing import Any

from tests.bench.case import Case, Plan, Record
from tests.bench.cases.scene import PLUGINS, register_plugins
from tests.bench.figures import percentile
from tests.bench.load import DOMAIN
from tests.bench.servers import Servers

_PIPELINE = 200
_EVENT: Any = {"specversion": "1.0", "subject": f"{DOMAIN}/known-1", "data": "x" * 900}
_MESSAGE = b"x" * 1_200


def run(servers: Servers, plan: Plan, record: Record) -> None:
    register_plugins(servers)
    for way in plan.turns(xadd, lpush_brpop, find):
        record.add(way(servers, plan))


def xadd(servers: Servers, plan: Plan) -> dict[str, float]:
    """Add entries of about 1 kB to a stream, 200 in a pipeline."""
    count = plan.size(200, 20)
    servers.redis.delete("raw-stream")
    begun = time.perf_counter()
    for _ in range(count):
        with servers.redis.pipeline(transaction=False) as pipe:
            for _ in range(_PIPELINE):
                pipe.xadd("raw-stream", _EVENT)
            pipe.execute()
    return {"XADD": _PIPELINE * count / (time.perf_counter() - begun)}


def lpush_brpop(servers: Servers, plan: Plan) -> dict[str, float]:
    """Push a message and pop it, each with a round trip."""
    count = plan.size(10_000, 500)
    begun = time.perf_counter()
    for _ in range(count):
        servers.redis.lpush("raw-list", _MESSAGE)
        servers.redis.brpop("raw-list")
    return {"LPUSH and BRPOP": count / (time.perf_counter() - begun)}


def find(servers: Servers, plan: Plan) -> dict[str, float]:
    plugins = servers.database["plugins"]
    took = []
    for number in range(plan.size(5_000, 500)):
        begun = time.perf_counter()
        plugins.find_one({"_id": f"{DOMAIN}/{PLUGINS[number % len(PLUGINS)]}"})
        took.append(1_000 * (time.perf_counter() - begun))
    return {"find by _id p50": percentile(took, 0.5)}


CASE = Case(
    name="ceilings",
    title="Redis and MongoDB alone, one client",
    units={"XADD": "/s", "LPUSH and BRPOP": "/s", "find by _id p50": "ms"},
    run=run,
)
