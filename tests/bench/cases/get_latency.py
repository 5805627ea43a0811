"""The round trip of one `plugin.get` at a time, beside that of a task that does nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from celery import Celery

from contracts.client import PluginClient
from contracts.partition import QUERIES
from tests.bench.bare import create_bare_app
from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import PLUGINS, bare_reader, reader, register_plugins
from tests.bench.figures import percentile
from tests.bench.load import NOOPS, reference
from tests.bench.servers import Servers

GET = "plugin.get"
_STRETCH = 50
"""So many round trips of one kind, then of the other: a slow moment of the machine meets both."""
_TIMEOUT_S = 30.0


def run(servers: Servers, plan: Plan, record: Record) -> None:
    register_plugins(servers)
    bare = create_bare_app(servers.redis_url)
    with servers.client() as client:
        ways = {
            "get": partial(_send, bare, GET, QUERIES),
            "no-op": partial(_send, bare, NOOPS, NOOPS),
            "ask": partial(_ask, client),
        }
        for _ in range(plan.rounds):
            with reader(servers), bare_reader(servers):
                record.add(_measure(ways, plan.size(20, 2)))
    bare.backend.result_consumer.stop()
    bare.close()


def _send(bare: Celery, task: str, queue: str, plugin: str) -> None:
    """A round trip by a client of nothing but Celery: the same for both, so that the workers differ alone."""
    bare.send_task(task, kwargs=reference(plugin), queue=queue).get(timeout=_TIMEOUT_S)


def _ask(client: PluginClient, plugin: str) -> None:
    client.ask("get", timeout_s=_TIMEOUT_S, **reference(plugin))


def _measure(ways: Mapping[str, Callable[[str], Any]], stretches: int) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(stretches + 1):
        for name, call in ways.items():
            times = _time(call, PLUGINS[:_STRETCH])
            if number:  # the first stretch makes the clients warm
                took[name] += times
    return {f"{name} p{part}": percentile(took[name], part / 100) for name in ways for part in (50, 99)}


def _time(call: Callable[[str], Any], plugins: Sequence[str]) -> list[float]:
    """Return the milliseconds of each call."""
    took = []
    for plugin in plugins:
        begun = time.perf_counter()
        call(plugin)
        took.append(1_000 * (time.perf_counter() - begun))
    return took


CASE = Case(
    name="get-latency",
    title="Round trip of plugin.get, one at a time",
    units={f"{name} p{part}": "ms" for name in ("get", "no-op", "ask") for part in (50, 99)},
    run=run,
    comparisons=(
        Comparison("get p50", "no-op p50", asked="at most 1.3"),
        Comparison("get p99", "no-op p99"),
    ),
)
