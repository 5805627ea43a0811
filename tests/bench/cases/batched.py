"""Batches of 200 writes, beside tasks that do nothing and beside the driver's own bulk writes."""

import time
from itertools import cycle, islice
from typing import Any

import bson
from pymongo import UpdateOne, WriteConcern

from tests.bench.answers import check_events, flow, settle
from tests.bench.case import Case, Comparison, Plan, Record
from tests.bench.cases.scene import BUSY, busy, drain_noops
from tests.bench.load import BATCH, DOMAIN, batches, registration, update
from tests.bench.servers import Servers

_PLUGINS = [f"known-{number}" for number in range(2_000)]
_CHANGE_BYTES = 1_000
"""The size of a changed plugin as BSON, about."""


def run(servers: Servers, plan: Plan, record: Record) -> None:
    for way in plan.turns(commands, tasks, bulk):
        record.add(way(servers, plan))


def commands(servers: Servers, plan: Plan) -> dict[str, float]:
    """Measure registrations of new plugins, then updates of 2,000 others that exist."""
    servers.empty()
    count = BATCH * plan.size(60, 10)
    known = batches("plugin.register", map(registration, _PLUGINS))
    new = batches("plugin.register", (registration(f"new-{number}") for number in range(count)))
    changes = batches("plugin.update", map(update, islice(cycle(_PLUGINS), count)))
    with servers.worker("commands") as worker:
        settle(servers, [worker], known)
        registered = flow(servers, [worker], new)
        updated = flow(servers, [worker], changes)
    check_events(servers, len(_PLUGINS) + 2 * count)
    return {"updates": BATCH * updated.per_s, "registrations": BATCH * registered.per_s, **busy(updated)}


def tasks(servers: Servers, plan: Plan) -> dict[str, float]:
    return {"no-op tasks": drain_noops(servers, plan).per_s}


def bulk(servers: Servers, plan: Plan) -> dict[str, float]:
    """Measure one client that writes 200 documents at a time, each guarded by its revision."""
    servers.empty()
    documents = servers.database.get_collection("raw", write_concern=WriteConcern("majority"))
    documents.insert_many(
        {"_id": f"{DOMAIN}/{name}", "revision": 0, "plugin": _plugin(0)} for name in _PLUGINS
    )
    writes = [
        _writes(start, turn) for turn in range(plan.size(11, 3)) for start in range(0, len(_PLUGINS), BATCH)
    ]
    warm = len(_PLUGINS) // BATCH
    for requests in writes[:warm]:
        documents.bulk_write(requests, ordered=False)
    begun = time.perf_counter()
    for requests in writes[warm:]:
        documents.bulk_write(requests, ordered=False)
    return {"raw bulk_write": BATCH * len(writes[warm:]) / (time.perf_counter() - begun)}


def _writes(start: int, revision: int) -> list[UpdateOne]:
    change = {"$set": {"revision": revision + 1, "plugin": _plugin(revision + 1)}}
    return [
        UpdateOne({"_id": f"{DOMAIN}/{name}", "revision": revision}, change)
        for name in _PLUGINS[start : start + BATCH]
    ]


def _plugin(number: int) -> dict[str, Any]:
    plugin: dict[str, Any] = {**update(f"known-{number}"), "text": ""}
    plugin["text"] = "x" * (_CHANGE_BYTES - len(bson.encode(plugin)))
    return plugin


CASE = Case(
    name="batched",
    title="Batches of 200 writes, one worker",
    units={
        "updates": "items/s",
        "registrations": "items/s",
        "no-op tasks": "/s",
        "raw bulk_write": "writes/s",
        **BUSY,
    },
    run=run,
    comparisons=(
        Comparison("updates", "no-op tasks", asked="at least 5"),
        Comparison("registrations", "no-op tasks", asked="at least 5"),
        Comparison("updates", "raw bulk_write", asked="at least 0.30"),
        Comparison("registrations", "raw bulk_write", asked="at least 0.30"),
    ),
)
