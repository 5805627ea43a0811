"""Curve: the time of the first page of a list by the number of plugins, beside the same find of the driver."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from contracts.client import PluginClient
from tests.bench.case import Case, Curve, Plan, Record
from tests.bench.cases.scene import commands_worker, reader
from tests.bench.figures import percentile
from tests.bench.load import DOMAIN
from tests.bench.servers import Servers
from tests.store.catalogue import document
from tests.support.servers import wait_until

_SIZES = (1_000, 10_000, 100_000)
_LARGEST = 1_000_000
_CHUNK = 10_000
_LIMIT = 20
_PAGE = {"page": {"start": 1, "limit": _LIMIT}}
_ORDER = [("plugin.name", 1), ("plugin.plugin_id", 1), ("rank", 1)]
_ASKED, _COUNTED = 200, 10
"""How often a page is read in a round, and how often the plugins are counted with it."""


def run(servers: Servers, plan: Plan, record: Record) -> None:
    """Measure all rounds at one size of the store, then make it larger."""
    _make_indexes(servers)
    stored = 0
    with reader(servers), servers.client() as client:
        servers.database["plugins"].delete_many({})
        for size in [*_SIZES, *([_LARGEST] if plan.full else [])][: plan.size(4, 2)]:
            _store(servers, range(stored, size))
            stored = size
            for _ in range(plan.rounds):
                record.add(_measure(servers, client, plan), at=size)


def _make_indexes(servers: Servers) -> None:
    """A commands worker makes them, soon after its start."""
    plugins = servers.database["plugins"]
    with commands_worker(servers):
        wait_until(lambda: "by_name" in plugins.index_information(), 60.0, "the indexes")


def _store(servers: Servers, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, _CHUNK):
        chunk = range(start, min(start + _CHUNK, numbers.stop))
        servers.database["plugins"].insert_many([document(n, DOMAIN) for n in chunk], ordered=False)


def _measure(servers: Servers, client: PluginClient, plan: Plan) -> dict[str, float]:
    asked, counted = plan.size(_ASKED, 20), plan.size(_COUNTED, 3)
    return {
        "plugin.list": _p50_ms(partial(_list, client, {**_PAGE, "no_count": True}), asked),
        "with the count": _p50_ms(partial(_list, client, _PAGE), counted),
        "raw find": _p50_ms(partial(_find, servers), asked),
    }


def _list(client: PluginClient, query: dict[str, Any]) -> None:
    client.ask("list", timeout_s=60, domain_id=DOMAIN, query=query)


def _find(servers: Servers) -> None:
    fields = {"plugin": 1, "revision": 1}
    list(servers.database["plugins"].find({"scope": DOMAIN}, fields).sort(_ORDER).limit(_LIMIT))


def _p50_ms(call: Callable[[], None], times: int) -> float:
    """Return the median of so many calls, behind a tenth that makes things warm."""
    took = []
    for _ in range(times + times // 10):
        begun = time.perf_counter()
        call()
        took.append(1_000 * (time.perf_counter() - begun))
    return percentile(took[times // 10 :], 0.5)


CASE = Case(
    name="list-page",
    title="First page of plugin.list by plugins in the store",
    units={"plugin.list": "ms", "with the count": "ms", "raw find": "ms"},
    run=run,
    curve=Curve(x="plugins", y="milliseconds", is_log=True),
)
