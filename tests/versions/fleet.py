"""A fleet of workers and dispatchers in simulated time, over many images in a real store and Redis."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database
from redis import Redis

from tests.support.clock import START
from tests.versions.simulation import Simulation
from tests.versions.world import FakePublisher
from worker.domain.image import BeforeRequest, ImageRef, TagList
from worker.domain.schedule import Intervals, first_due
from worker.registries import BudgetTable, Limit
from worker.registries.budget.budget import Budget
from worker.store.image_documents import new_document
from worker.store.image_indexes import IMAGES, PLUGINS
from worker.store.image_store import ImageStore
from worker.versions.cycle import Cycle
from worker.versions.discover import Discovery
from worker.versions.dispatch import Dispatch
from worker.versions.refresh import Refresh

LATENCY_S = 0.3
TICK_S = 10.0
LEASE_S = 40.0


@dataclass
class Ledger:
    """Everything that a registry saw: when each request came, how many at once, for which image."""

    requests: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    in_flight: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)


class Fleet:
    """``hosts`` groups with ``limit`` each, ``images`` in all, each used by one plugin and never read."""

    def __init__(
        self, database: Database[Any], redis: Redis, *, images: int, hosts: int, limit: Limit
    ) -> None:
        self.database = database
        self.hosts = [f"registry-{number}.example.com" for number in range(hosts)]
        self.limit = limit
        self.time = Simulation(START)
        clock = self.time.clock
        self.intervals = Intervals()
        store = ImageStore.of(database, self.intervals, claim_s=LEASE_S)
        self.publisher = FakePublisher()
        self.ledger = Ledger()
        self.frozen: set[str] = set()
        limits = BudgetTable(dict.fromkeys(self.hosts, limit))
        self.budget = Budget(redis, limits, clock=self.time.timestamp, slot_s=LEASE_S)
        self.sent: list[dict[str, Any]] = []
        self.ticks: list[int] = []
        self.dispatch = Dispatch(store.queue, self.budget, self._send, clock)
        refresh = Refresh(store, self.budget, self, self.publisher, self.intervals, clock)
        self.cycle = Cycle(self.dispatch, refresh, Discovery(store, clock))
        self._fill(images)

    def _fill(self, count: int) -> None:
        plugins, images = self.database["plugins"], self.database["images"]
        for first in range(0, count, 10_000):
            refs = [
                ImageRef("OCI", self.hosts[number % len(self.hosts)], f"team/plugin-{number}")
                for number in range(first, min(first + 10_000, count))
            ]
            due = {ref.key: START + timedelta(seconds=first_due(ref.key, self.intervals)) for ref in refs}
            images.insert_many(
                [{"_id": ref.key, **new_document(ref, START, due[ref.key], priority=False)} for ref in refs]
            )
            plugins.insert_many([_plugin(ref) for ref in refs])
        images.create_indexes(IMAGES)
        plugins.create_indexes(PLUGINS)

    def beat(self) -> None:
        """Start a beat: a tick now and every ten seconds."""

        def beat() -> None:
            while True:
                self.ticks.append(sum(self.dispatch.all_groups().values()))
                self.time.sleep(TICK_S)

        self.time.spawn(beat)

    def domains(self, ref: ImageRef) -> None:
        """Everyone may have every image read."""

    def fetch(self, ref: ImageRef, take: BeforeRequest, known: frozenset[str] | None) -> TagList:
        """The registry answers after a while; a worker that asks for an image of ``frozen`` dies."""
        take()
        ledger, host, now = self.ledger, ref.host, self.time.now
        ledger.requests[host].append(now)
        ledger.asked[ref.key].append(now)
        if ref.key in self.frozen:
            self.frozen.remove(ref.key)
            self.time.sleep(10**6)
        ledger.in_flight[host] += 1
        ledger.most[host] = max(ledger.most[host], ledger.in_flight[host])
        self.time.sleep(LATENCY_S)
        ledger.in_flight[host] -= 1
        return TagList(("1.0", "2.0"))

    def _send(self, **task: Any) -> None:
        self.sent.append(task)
        self.time.spawn(lambda: self.cycle.refresh_group(**task))


def _plugin(ref: ImageRef) -> dict[str, Any]:
    name = ref.image.rsplit("/", 1)[-1]
    plugin = {
        "plugin_id": name,
        "image": ref.image,
        "registry_type": "OCI",
        "registry_url": ref.registry_url,
        "registry_config": {},
    }
    return {"_id": f"domain/{name}", "scope": "domain", "plugin": plugin, "revision": 1}
