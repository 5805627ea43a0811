"""The service follows the image of each new plugin by its own event, at once and without a tick."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.errors import StoreUnavailable, Unavailable
from contracts.events import IMAGE_VERSIONS_CHANGED, PLUGIN_CHANGED, STREAM
from contracts.values import format_time
from tests.versions.world import HOST, World
from worker.domain.events import Pending, Subject
from worker.domain.image import ImageRef
from worker.events.publish import Publisher
from worker.versions.subscribe import GROUP, Subscription


def announce(
    world: World, ref: ImageRef, change: str = "registered", *, revision: int = 1, kind: str = PLUGIN_CHANGED
) -> None:
    """Publish the event of a plugin that uses ``ref``, as a write does."""
    plugin = {
        "image": ref.image,
        "registry_type": ref.registry_type,
        "registry_url": ref.registry_url,
        "registry_config": {"credential": ref.credential} if ref.credential else {},
    }
    data = json.dumps({"change": change, "plugin": plugin})
    event = Pending(revision, format_time(world.clock.now()), data)
    subject = Subject(kind, f"domain-1/{ref.image}", revision, (event,), lambda: event)
    Publisher(world.redis, "/repositories/local", 1_000).publish(subject)


def register(world: World, image: str = "team/plugin") -> ImageRef:
    ref = world.plugin(image)
    announce(world, ref)
    return ref


def handle(world: World, subscription: Subscription | None = None) -> Subscription:
    """Have a worker, another one by default, handle the events that there are."""
    subscription = subscription or world.subscription()
    if not world.redis.exists(STREAM) or not world.redis.xinfo_groups(STREAM):
        subscription.run()  # it makes the group
    subscription.run()
    return subscription


def followed(world: World) -> int:
    return world.database["images"].count_documents({})


def left(world: World) -> int:
    """How many events the group was given and has not acknowledged."""
    return int(world.redis.xpending(STREAM, GROUP)["pending"])


def test_the_image_of_a_new_plugin_is_sent_at_once(world: World) -> None:
    ref = register(world)
    handle(world)
    assert [task["images"] for task in world.sent] == [[ref.key]]
    assert world.work() == {"first_list": 1}
    assert left(world) == 0


def test_what_was_registered_while_no_worker_ran_is_seen_by_the_next(world: World) -> None:
    handle(world)
    ref = register(world)
    handle(world)
    assert [task["images"] for task in world.sent] == [[ref.key]]


def test_a_new_group_starts_an_hour_ago(world: World) -> None:
    register(world)
    milliseconds = int(world.redis.xinfo_stream(STREAM)["last-generated-id"].partition(b"-")[0])
    world.clock.time = datetime.fromtimestamp(milliseconds / 1_000, UTC) + timedelta(hours=1)
    handle(world)
    assert followed(world) == 0
    register(world, "team/other")
    handle(world)
    assert followed(world) == 1


@pytest.mark.parametrize("change", ["updated", "disabled", "resynced", "deregistered"])
def test_other_changes_of_a_plugin_are_left_to_discovery(world: World, change: str) -> None:
    announce(world, world.plugin("team/plugin"), change)
    handle(world)
    assert followed(world) == 0


def test_the_events_of_images_are_nothing_to_it(world: World) -> None:
    announce(world, world.plugin("team/plugin"), kind=IMAGE_VERSIONS_CHANGED)
    handle(world)
    assert followed(world) == 0


@pytest.mark.parametrize(
    "strange",
    [
        {"image": "team/other"},
        {"registry_url": "10.0.0.1"},
        {"registry_type": "HARBOR"},
        {"credential": "another"},
    ],
)
def test_an_image_that_no_plugin_names_is_not_followed(world: World, strange: dict[str, Any]) -> None:
    world.plugin("team/plugin")
    known = {"registry_type": "OCI", "registry_url": HOST, "image": "team/plugin", "credential": None}
    announce(world, ImageRef(**{**known, **strange}))
    handle(world)
    assert followed(world) == 0


def test_a_group_that_was_lost_reads_all_again_and_asks_for_nothing_twice(world: World) -> None:
    register(world)
    subscription = handle(world)
    world.later(seconds=1)
    world.work()
    world.later(hours=2)
    world.redis.xgroup_destroy(STREAM, GROUP)
    world.redis.delete(f"{STREAM}:seen:{GROUP}")
    handle(world, subscription)
    assert left(world) == 0
    assert world.sent == []
    assert world.database["images"].count_documents({"priority": 1}) == 0


def test_it_goes_on_after_redis_has_lost_everything(world: World) -> None:
    register(world)
    subscription = handle(world)
    world.redis.flushdb()
    world.sent.clear()
    ref = register(world, "team/other")
    handle(world, subscription)
    assert [task["images"] for task in world.sent] == [[ref.key]]


def test_an_event_waits_for_a_store_that_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    subscription = world.subscription()
    register(world)
    with monkeypatch.context() as outage:
        outage.setattr(world.images, "read", away)
        with pytest.raises(StoreUnavailable):
            handle(world, subscription)
    assert subscription.interval_s > 0, "it would ask again without a pause"
    assert left(world) == 1
    subscription.run()
    assert (subscription.interval_s, left(world)) == (0, 0)
    assert world.work() == {"first_list": 1}


def test_a_redis_that_refuses_is_an_outage(world: World) -> None:
    subscription = handle(world)
    world.redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(Unavailable):
            subscription.run()
    finally:
        world.redis.replicaof("NO", "ONE")
    register(world)
    subscription.run()
    assert world.work() == {"first_list": 1}


def test_a_fault_met_with_one_plugin_does_not_keep_others_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ensure = world.images.ensure

    def broken(ref: ImageRef, *arguments: Any) -> bool:
        if ref.image == "team/bad":
            raise RuntimeError("boom")
        return ensure(ref, *arguments)

    monkeypatch.setattr(world.images, "ensure", broken)
    register(world, "team/bad")
    ref = register(world, "team/good")
    handle(world)
    assert [task["images"] for task in world.sent] == [[ref.key]]
    assert "domain-1/team/bad are fetched later" in caplog.text
    assert left(world) == 0


def test_what_is_not_an_event_is_left_out(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.redis.xadd(STREAM, {"type": "nonsense"})
    register(world)
    handle(world)
    assert "is not an event" in caplog.text
    assert world.work() == {"first_list": 1}


def test_what_a_worker_left_behind_as_it_died_is_done_by_another_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    dying, other = world.subscription(), world.subscription()
    ref = register(world)
    with monkeypatch.context() as death:
        death.setattr(world.images, "read", dies)
        with pytest.raises(KeyboardInterrupt):
            handle(world, dying)
    # A later event of the same plugin must not make this one look as if it had been handled.
    announce(world, ref, "updated", revision=2)
    handle(world, other)
    assert [task["images"] for task in world.sent] == [[ref.key]]
    assert left(world) == 0


def test_an_event_that_two_workers_handle_is_asked_for_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = world.subscription(), world.subscription()
    read = world.images.read
    met: list[ImageRef] = []

    def overtaken(ref: ImageRef) -> Any:
        if not met:
            met.append(ref)
            two.run()
        return read(ref)

    monkeypatch.setattr(world.images, "read", overtaken)
    register(world)
    handle(world, one)
    assert len(world.sent) == 1
    assert world.work() == {"first_list": 1}
