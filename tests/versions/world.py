"""What the tests of versions are made of: a real store and Redis, a clock and a registry of their own."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pymongo.database import Database
from redis import Redis

from tests.support.clock import FakeClock
from worker.domain.clock import Clock
from worker.domain.events import Subject
from worker.domain.image import BeforeRequest, ImageRef, TagList
from worker.domain.image_record import ImageRecord
from worker.domain.schedule import Intervals
from worker.events.publish import Published, Publisher
from worker.registries import BudgetTable
from worker.registries.budget.budget import Budget
from worker.store.image_indexes import IMAGES, PLUGINS
from worker.store.image_store import ImageStore
from worker.versions.cycle import Cycle
from worker.versions.discover import Discovery
from worker.versions.dispatch import Dispatch
from worker.versions.reader import VersionsReader
from worker.versions.refresh import Refresh
from worker.versions.subscribe import Subscription

HOST = "registry.example.com"


@dataclass
class FakeRegistry:
    """Answers with the tags, or the failure, set for an image; ``asked`` holds every request.

    ``rights`` says whose plugins may use a credential: everyone's, where it says nothing.
    """

    tags: dict[str, tuple[str, ...] | TagList | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    known: list[frozenset[str] | None] = field(default_factory=list)
    rights: dict[str, frozenset[str]] = field(default_factory=dict)
    during: Callable[[ImageRef], object] = lambda ref: None

    def domains(self, ref: ImageRef) -> frozenset[str] | None:
        return self.rights.get(ref.credential or "")

    def fetch(self, ref: ImageRef, take: BeforeRequest, known: frozenset[str] | None) -> TagList:
        take()
        self.asked.append(ref.image)
        self.known.append(known)
        self.during(ref)
        answer = self.tags.get(ref.image, ("1.0",))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, TagList) else TagList(answer)


class FakePublisher(Publisher):
    """Keeps what it is given, once; ``away`` is raised while it is set."""

    def __init__(self) -> None:
        self.revisions: dict[str, list[int]] = {}
        self.data: list[str] = []
        self.away: Exception | None = None

    def publish(self, subject: Subject) -> Published:
        if self.away:
            raise self.away
        told = self.revisions.setdefault(subject.name, [])
        for event in subject.pending:
            if event.revision > len(told):
                told.append(event.revision)
                self.data.append(event.data)
        return Published("ok", len(told))


class World:
    """One deployment: services on real servers, whose tasks wait in ``sent`` until ``work`` does them."""

    def __init__(self, database: Database[Any], redis: Redis, limits: BudgetTable) -> None:
        self.database, self.redis = database, redis
        database["images"].create_indexes(IMAGES)
        database["plugins"].create_indexes(PLUGINS)
        self.clock = FakeClock()
        self.intervals = Intervals()
        self.store = ImageStore.of(database, self.intervals)
        self.images, self.queue, self.users = self.store.images, self.store.queue, self.store.users
        self.budget = Budget(redis, limits, clock=self.clock.timestamp)
        self.registry = FakeRegistry()
        self.publisher = FakePublisher()
        self.sent: list[dict[str, Any]] = []
        self.stopping = False
        self.dispatch = self.dispatcher()
        self.refresh = Refresh(
            self.store,
            self.budget,
            self.registry,
            self.publisher,
            self.intervals,
            self.clock,
            lambda: self.stopping,
        )
        self.discovery = Discovery(self.store, self.clock, plugins_a_step=3)
        self.cycle = Cycle(self.dispatch, self.refresh, self.discovery)

    def dispatcher(self) -> Dispatch:
        return Dispatch(self.queue, self.budget, self._send, self.clock)

    def reader(self, wait_s: float = 0.3, sleep: Callable[[float], None] | None = None) -> VersionsReader:
        """Another reader. ``sleep``: called instead of moving the clock."""
        clock = Clock(self.clock.now, self.clock.monotonic, sleep or self.clock.sleep)
        return VersionsReader(self.images, self.dispatch, clock, domains=self.registry.domains, wait_s=wait_s)

    def subscription(self) -> Subscription:
        """The subscription of another worker."""
        return Subscription(self.redis, self.store, self.dispatch, self.clock)

    def plugin(
        self, image: str, domain_id: str = "domain-1", host: str = HOST, **registry_config: str
    ) -> ImageRef:
        """A stored plugin that uses ``image``."""
        plugin = {
            "plugin_id": image.rsplit("/", 1)[-1],
            "image": image,
            "registry_type": "OCI",
            "registry_url": host,
            "registry_config": registry_config,
        }
        key = f"{domain_id}/{plugin['plugin_id']}"
        self.database["plugins"].insert_one({"_id": key, "scope": domain_id, "plugin": plugin, "revision": 1})
        return ImageRef.of(plugin)

    def follow(self, image: str, *tags: str, **plugin: str) -> ImageRef:
        """A plugin whose image has been read once."""
        ref = self.plugin(image, **plugin)
        self.registry.tags[image] = tags or ("1.0",)
        self.images.ensure(ref, self.clock.now())
        self.round()
        return ref

    def run(self, task: dict[str, Any]) -> dict[str, int]:
        """Do a task that was sent."""
        return self.refresh.run(task["host"], task["images"], task["lease"]).reasons

    def work(self) -> Counter[str]:
        """Do the tasks that were sent."""
        reasons: Counter[str] = Counter()
        while self.sent:
            reasons.update(self.run(self.sent.pop(0)))
        return reasons

    def round(self) -> Counter[str]:
        """A tick and its tasks."""
        self.dispatch.all_groups()
        return self.work()

    def image(self, ref: ImageRef) -> ImageRecord:
        image = self.images.read(ref)
        assert image is not None
        return image

    def document(self, ref: ImageRef) -> dict[str, Any]:
        document: dict[str, Any] | None = self.database["images"].find_one({"_id": ref.key})
        assert document is not None
        return document

    def later(self, **span: float) -> None:
        self.clock.time += timedelta(**span)

    def _send(self, **task: Any) -> None:
        self.sent.append(task)
