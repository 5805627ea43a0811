"""What the sync tests are made of: a real store and Redis, a clock and a registry of the test's own."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database
from redis import Redis

from worker.domain.event import Subject
from worker.domain.image import FetchFailed, Image, ImageRef, Listing, Take
from worker.domain.schedule import Intervals
from worker.events.publish import Published
from worker.registries import BudgetTable
from worker.registries.budget.budget import Budget
from worker.store.image_indexes import IMAGES, PLUGINS
from worker.store.image_queue import ImageQueue
from worker.store.images import Images
from worker.versions.discover import Adopt
from worker.versions.dispatch import Dispatch
from worker.versions.reader import Look
from worker.versions.refresh import Refresh

HOST = "registry.example.com"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def seconds(self) -> float:
        return self.now.timestamp()


@dataclass
class FakeRegistry:
    """Answers with the tags, or the failure, set for an image; ``asked`` holds every request."""

    tags: dict[str, tuple[str, ...] | FetchFailed | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    known: list[frozenset[str] | None] = field(default_factory=list)
    during: Callable[[ImageRef], object] = lambda ref: None

    def fetch(self, ref: ImageRef, take: Take, known: frozenset[str] | None) -> Listing:
        take()
        self.asked.append(ref.image)
        self.known.append(known)
        self.during(ref)
        answer = self.tags.get(ref.image, ("1.0",))
        if isinstance(answer, Exception):
            raise answer
        return Listing(answer)


@dataclass
class FakePublisher:
    """Keeps what it is given, once; ``away`` is raised while it is set."""

    revisions: dict[str, list[int]] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    away: Exception | None = None

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

    def __init__(self, database: Database[Any], redis: "Redis", limits: BudgetTable) -> None:
        self.database, self.redis = database, redis
        database["images"].create_indexes(IMAGES)
        database["plugins"].create_indexes(PLUGINS)
        self.clock = Clock()
        self.intervals = Intervals()
        self.images = Images(database, self.intervals)
        self.queue = ImageQueue(database)
        self.budget = Budget(redis, limits, clock=self.clock.seconds)
        self.registry = FakeRegistry()
        self.publisher = FakePublisher()
        self.sent: list[dict[str, Any]] = []
        self.stopping = False
        self.rights: dict[str, frozenset[str]] = {}
        self.dispatch = self.dispatcher()
        self.refresh = Refresh(
            self.images,
            self.queue,
            self.budget,
            self.registry,
            self.publisher,
            self.intervals,
            self.clock,
            self.clock.sleep,
            domains=self.domains,
            stopping=lambda: self.stopping,
        )
        self.look = Look(
            self.images,
            self.dispatch,
            self.clock,
            domains=self.domains,
            wait_s=0.3,
        )
        self.adopt = Adopt(self.images, self.clock, plugins_a_step=3)

    def domains(self, ref: ImageRef) -> frozenset[str] | None:
        """Who may use a credential: everyone, where ``rights`` says nothing else."""
        return self.rights.get(ref.credential or "")

    def dispatcher(self) -> Dispatch:
        return Dispatch(self.queue, self.budget, lambda **task: self.sent.append(task), self.clock)

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
        self.images.ensure(ref, self.clock())
        self.round()
        return ref

    def work(self) -> Counter[str]:
        """Do the tasks that were sent."""
        reasons: Counter[str] = Counter()
        while self.sent:
            reasons.update(self.refresh.run(**self.sent.pop(0)))
        return reasons

    def round(self) -> Counter[str]:
        """A tick and its tasks."""
        self.dispatch.tick()
        return self.work()

    def image(self, ref: ImageRef) -> Image:
        image = self.images.read(ref)
        assert image is not None
        return image

    def document(self, ref: ImageRef) -> dict[str, Any]:
        document = self.database["images"].find_one({"_id": ref.key})
        assert document is not None
        return document

    def later(self, **span: float) -> None:
        self.clock.now += timedelta(**span)
