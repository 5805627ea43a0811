"""The tasks of the schedule, in a Celery application of their own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from contracts.errors import InternalFault, InvalidParameter, RequiredParameter, StoreUnavailable
from contracts.events import IMAGE_VERSIONS_CHANGED
from tests.support.tasks import delivery_of, run_task
from worker.app import create_app
from worker.domain.clock import Clock
from worker.domain.image import BeforeRequest, ImageRef, TagList
from worker.domain.schedule import Intervals
from worker.events.publish import Publisher
from worker.registries import BudgetTable, Limit
from worker.registries.budget.budget import Budget
from worker.settings import Settings
from worker.store.client import connect_mongodb
from worker.store.image_queue import CLAIM_S
from worker.store.image_store import ImageStore
from worker.tasks.versions import FOLLOW, REFRESH, TICK, register_versions
from worker.versions.cycle import Cycle
from worker.versions.discover import Discovery
from worker.versions.dispatch import Dispatch
from worker.versions.reader import VersionsReader
from worker.versions.refresh import Refresh

PLUGIN = {
    "plugin_id": "plugin",
    "image": "team/plugin",
    "registry_type": "OCI",
    "registry_url": "registry.example.com",
    "registry_config": {},
}
TOKEN = "0123456789abcdef" * 2


class Registry:
    def domains(self, ref: ImageRef) -> None:
        return None

    def fetch(self, ref: ImageRef, take: BeforeRequest, known: frozenset[str] | None) -> TagList:
        take()
        return TagList(("1.0", "2.0"))


class App(Celery):  # type: ignore[misc]  # celery is untyped
    """An application whose services are those of a deployment, unless its store is away."""

    def __init__(self, deployment: "Deployment") -> None:
        super().__init__("test", set_as_current=False)
        self._deployment = deployment

    @property
    def services(self) -> Any:
        if self._deployment.away:
            raise self._deployment.away
        return self._deployment


class Deployment:
    """The tasks, done as they are sent, over real servers and with the real publisher."""

    def __init__(self, database: Any, redis: Redis) -> None:
        self.app = App(self)
        self.database = database
        self.redis = redis
        self.store = ImageStore.of(database)
        clock = Clock.system()
        budget = Budget(redis, BudgetTable({"registry.example.com": Limit(1_000, 2)}))
        publisher = Publisher(redis, "/repositories/repo-local", 1_000)
        dispatch = Dispatch(self.store.queue, budget, lambda **task: self.do(REFRESH, **task), clock)
        refresh = Refresh(self.store, budget, Registry(), publisher, Intervals(), clock)
        self.cycle = Cycle(dispatch, refresh, Discovery(self.store, clock))
        self.reader = VersionsReader(self.store.images, dispatch, clock)
        self.away: StoreUnavailable | None = None
        register_versions(self.app)

    def do(self, task: str, **arguments: Any) -> None:
        run_task(self.app, task, arguments)

    def plugin(self, domain_id: str) -> None:
        document = {"_id": f"{domain_id}/plugin", "scope": domain_id, "plugin": PLUGIN, "revision": 1}
        self.database["plugins"].insert_one(document)


@pytest.fixture
def deployment(redis_url: str, mongodb_url: str) -> Iterator[Deployment]:
    database = connect_mongodb(mongodb_url)
    with database.client, Redis.from_url(redis_url) as redis:
        yield Deployment(database, redis)


def test_an_image_that_is_due_is_read_at_a_tick_and_announced(deployment: Deployment) -> None:
    deployment.plugin("domain-1")
    deployment.store.images.ensure(ImageRef.of(PLUGIN), datetime.now(UTC))
    deployment.do(TICK)
    info = deployment.reader.versions(ImageRef.of(PLUGIN))
    assert info.results == ["2.0", "1.0"]
    entries: Any = deployment.redis.xrange("plugin.events")
    ((_, event),) = entries
    assert event[b"type"].decode() == IMAGE_VERSIONS_CHANGED
    assert event[b"subject"] == b"images/registry.example.com/team/plugin"
    assert event[b"id"] == b"images/registry.example.com/team/plugin@1"


def test_a_tick_takes_up_images_that_nobody_told_about(deployment: Deployment) -> None:
    deployment.plugin("domain-1")
    deployment.do(TICK)
    deployment.database["images"].update_many({}, {"$currentDate": {"next_refresh_at": True}})
    deployment.do(TICK)
    assert deployment.reader.versions(ImageRef.of(PLUGIN)).results == ["2.0", "1.0"]


def test_an_outage_ends_a_task_without_an_error(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.away = StoreUnavailable("the store does not answer")
    deployment.do(TICK)
    deployment.do(REFRESH, host="registry.example.com", images=[], lease=TOKEN)
    assert "plugin.versions.tick ends early" in caplog.text


def test_a_tick_that_waited_too_long_for_a_worker_does_nothing(deployment: Deployment) -> None:
    deployment.plugin("domain-1")
    run_task(deployment.app, TICK, {}, expires="2026-01-01T00:00:00+00:00")
    assert deployment.store.images.read(ImageRef.of(PLUGIN)) is None


HOST = "registry.example.com"
STRANGE: list[tuple[str, dict[str, Any]]] = [
    (TICK, {"more": 1}),
    (REFRESH, {}),
    (REFRESH, {"host": HOST, "images": 5, "lease": TOKEN}),
    (REFRESH, {"host": HOST, "images": [{"$gt": ""}], "lease": {"$exists": True}}),
    (REFRESH, {"host": HOST, "images": [["x"]], "lease": TOKEN}),
    (REFRESH, {"host": HOST, "images": ["x"], "lease": "mallory"}),
    (REFRESH, {"host": HOST, "images": ["x"], "lease": TOKEN + "\n"}),
    (REFRESH, {"host": HOST, "images": ["x"], "lease": TOKEN, "more": 1}),
    (REFRESH, {"host": {"$gt": ""}, "images": [], "lease": TOKEN}),
    (REFRESH, {"host": "x" * 4_097, "images": [], "lease": TOKEN}),
    (REFRESH, {"host": HOST, "images": ["x" * 4_097], "lease": TOKEN}),
    (REFRESH, {"host": HOST, "images": ["x"] * 101, "lease": TOKEN}),
]


@pytest.mark.parametrize(("task", "arguments"), STRANGE)
def test_what_a_stranger_sends_is_refused_without_a_word_of_it(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, task: str, arguments: dict[str, Any]
) -> None:
    deployment.plugin("domain-1")
    deployment.store.images.ensure(ImageRef.of(PLUGIN), datetime.now(UTC))
    claimed = deployment.store.queue.claim([ImageRef.of(PLUGIN).key], TOKEN, datetime.now(UTC))
    assert claimed
    with pytest.raises((InvalidParameter, RequiredParameter)):
        deployment.do(task, **arguments)
    assert caplog.text == ""
    image = deployment.store.images.read(ImageRef.of(PLUGIN))
    assert image is not None
    assert image.state == "pending"


def test_positional_arguments_and_a_strange_deadline_are_refused(deployment: Deployment) -> None:
    positional = delivery_of(TICK, {})
    positional.envelope = replace(positional.envelope, args=["x"])
    with pytest.raises(InvalidParameter, match="positional"):
        run_task(deployment.app, TICK, {}, positional)
    with pytest.raises(InvalidParameter, match="expires"):
        run_task(deployment.app, TICK, {}, expires="soon")


def test_a_bug_is_told_and_keeps_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is due is in the store: the next tick finds it."""
    monkeypatch.setattr(Cycle, "tick", lambda self: 1 / 0)
    tick = delivery_of(TICK, {})
    with pytest.raises(InternalFault):
        run_task(deployment.app, TICK, {}, tick)
    assert tick.settled
    assert "ZeroDivisionError" in caplog.text
    assert deployment.database["dead_letters"].count_documents({}) == 0


def test_what_a_commands_worker_of_version_0_1_says_of_a_new_plugin_is_accepted(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    """It publishes the event of the registration as well, which the subscription reads."""
    deployment.plugin("domain-1")
    ref = {"registry_type": "OCI", "registry_url": "registry.example.com", "image": "team/plugin"}
    deployment.do(FOLLOW, images=[ref | {"credential": None}])
    assert deployment.database["images"].count_documents({}) == 0
    assert caplog.text == ""


def test_a_tick_outlasts_reads_that_fill_every_thread() -> None:
    app = create_app(Settings(redis_url="redis://localhost:1/0"))
    entry = app.conf.beat_schedule["versions"]
    assert entry["options"]["expires"] >= 2 * CLAIM_S > entry["schedule"]
