"""The round trip of one `plugin.get` at a time, beside that of a task that does nothing."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from celery import Celery

from contracts.client import PluginClient
from tests.bench.bare import create_bare_app
from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import PLUGINS, bare_reader, reader, register_plugins
from tests.bench.figures import percentile
from tests.bench.load import NOOPS, reference
from tests.bench.servers import Servers

_STRETCH = 50
"""So many round trips of one kind, then of the other: a slow moment of the machine meets both."""
_TIMEOUT_S = 30.0


def run(servers: Servers, plan: Plan, record: Record) -> None:
    register_plugins(servers)
    bare = create_bare_app(servers.redis_url)
    with servers.client() as client:
        for _ in range(plan.rounds):
            with reader(servers), bare_reader(servers):
                record.add(_measure(partial(_get, client), partial(_noop, bare), plan.size(20, 2)))
    bare.backend.result_consumer.stop()
    bare.close()


def _get(client: PluginClient, plugin: str) -> None:
    client.ask("get", timeout_s=_TIMEOUT_S, **reference(plugin))


def _noop(bare: Celery, plugin: str) -> None:
    bare.send_task(NOOPS, kwargs=reference(plugin), queue=NOOPS).get(timeout=_TIMEOUT_S)


def _measure(get: Callable[[str], Any], noop: Callable[[str], Any], stretches: int) -> dict[str, float]:
    gets: list[float] = []
    noops: list[float] = []
    for number in range(stretches + 1):
        got, done = _time(get, PLUGINS[:_STRETCH]), _time(noop, PLUGINS[:_STRETCH])
        if number:  # the first stretch makes the clients warm
            gets += got
            noops += done
    return {
        "get p50": percentile(gets, 0.5),
        "get p99": percentile(gets, 0.99),
        "no-op p50": percentile(noops, 0.5),
        "no-op p99": percentile(noops, 0.99),
    }


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
    units={"get p50": "ms", "get p99": "ms", "no-op p50": "ms", "no-op p99": "ms"},
    run=run,
    comparisons=(
        Comparison("get p50", "no-op p50", asked="at most 1.3"),
        Comparison("get p99", "no-op p99"),
    ),
)
