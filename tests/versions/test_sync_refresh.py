"""Due images are claimed once, refreshed under their lease, written once; whoever dies, whatever fails."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from contracts.errors import StoreUnavailable
from tests.versions.sync_world import HOST, START, World
from worker.domain.image import FetchFailed, ImageRef
from worker.registries.budget.budget import BudgetUnavailable
from worker.versions.dispatch import Dispatch


def test_a_new_image_is_read_and_announced_with_its_plugins(world: World) -> None:
    ref = world.plugin("team/plugin", "domain-2")
    world.plugin("team/plugin", "domain-1")
    world.plugin("team/plugin", "domain-3", credential="other")
    assert world.images.ensure(ref, world.clock())
    world.registry.tags["team/plugin"] = ("1.0", "1.1", "latest")
    assert world.round() == {"first_list": 1}
    image = world.image(ref)
    assert (image.state, image.revision, image.versions) == ("ok", 1, ("1.1", "1.0", "latest"))
    (event,) = [json.loads(data) for data in world.publisher.data]
    assert event["plugins"] == [
        {"domain_id": "domain-1", "plugin_id": "plugin"},
        {"domain_id": "domain-2", "plugin_id": "plugin"},
    ]
    assert (event["plugin_count"], event["initial"], event["latest"]) == (2, True, "1.1")
    assert "lease" not in world.document(ref)


def test_an_image_is_asked_for_once_however_many_dispatch_it(world: World) -> None:
    for number in range(30):
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock())
    one, two = world.dispatcher(), world.dispatcher()
    assert [one.host(HOST).images, two.host(HOST).images, one.host(HOST).images] == [30, 0, 0]
    world.work()
    assert sorted(world.registry.asked) == sorted(f"team/plugin-{number}" for number in range(30))


def test_nothing_is_read_before_it_is_due(world: World) -> None:
    ref = world.follow("team/plugin")
    assert world.round() == {}
    world.later(hours=2)
    assert world.round() == {"unchanged": 1}
    assert world.image(ref).revision == 1


def test_a_group_gets_no_more_tasks_than_slots_and_the_next_when_one_ends(world: World) -> None:
    for number in range(100):
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock())
    assert world.dispatch.tick() == {HOST: 40}
    assert world.dispatch.tick() == {}
    world.refresh.run(**world.sent.pop(0))
    assert world.dispatch.tick() == {HOST: 20}


def test_the_images_of_a_worker_that_died_are_claimed_again_when_their_lease_lapses(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock())
    world.dispatch.tick()
    dead = world.sent.pop()
    world.later(seconds=119)
    assert world.round() == {}
    world.later(seconds=2)
    assert world.round() == {"first_list": 1}
    assert world.refresh.run(**dead) == {"lease_lost": 1}
    assert world.registry.asked == ["team/plugin"]


def test_what_a_frozen_worker_read_is_not_written_over_what_came_after(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock())
    world.registry.tags["team/plugin"] = ("1.0",)

    def frozen(_: ImageRef) -> None:
        world.registry.during = lambda ref: None
        world.registry.tags["team/plugin"] = ("1.0", "2.0")
        world.later(seconds=121)
        assert world.round() == {"first_list": 1}
        world.registry.tags["team/plugin"] = ("0.1",)

    world.registry.during = frozen
    assert world.round() == {"lease_lost": 1}
    image = world.image(ref)
    assert (image.versions, image.revision) == (("2.0", "1.0"), 1)
    assert len(world.publisher.data) == 1


def test_a_long_task_keeps_its_leases(world: World) -> None:
    for number in range(3):
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock())
    rivals: list[int] = []

    def slow(_: ImageRef) -> None:
        world.later(seconds=80)
        rivals.append(world.dispatcher().host(HOST).images)

    world.registry.during = slow
    assert world.round() == {"first_list": 3}
    assert rivals == [0, 0, 0]
    assert len(world.registry.asked) == 3


def test_a_throttled_group_is_left_alone_and_its_images_are_not_blamed(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(3)]
    for ref in refs:
        world.images.ensure(ref, world.clock())
    for ref in refs:
        world.registry.tags[ref.image] = FetchFailed("throttled", retry_after=600)
    assert world.round() == {"throttled": 1}
    assert len(world.registry.asked) == 1
    for ref in refs:
        document = world.document(ref)
        assert ("lease" in document, document["state"], document.get("failures", 0)) == (False, "pending", 0)
    world.later(seconds=599)
    assert world.round() == {}
    world.later(seconds=2)
    world.registry.tags.clear()
    assert world.round() == {"first_list": 3}


def test_a_group_that_is_not_reached_is_probed_with_one_image(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(12)]
    for ref in refs:
        world.images.ensure(ref, world.clock())
        world.registry.tags[ref.image] = FetchFailed("unavailable", unreachable=True)
    world.round()
    assert len(world.registry.asked) == 5
    assert world.round() == {}
    world.later(seconds=31)
    world.round()
    assert len(world.registry.asked) == 6
    world.later(seconds=61)
    world.registry.tags.clear()
    world.dispatch.tick()
    assert [len(task["images"]) for task in world.sent] == [1]
    world.work()
    world.later(hours=2)
    world.round()
    assert {world.image(ref).state for ref in refs} == {"ok"}


def test_a_failure_keeps_the_list(world: World) -> None:
    ref = world.follow("team/plugin", "1.0", "2.0")
    world.registry.tags["team/plugin"] = FetchFailed("unavailable")
    world.later(hours=2)
    assert world.round() == {"unavailable": 1}
    image = world.image(ref)
    assert (image.state, image.versions, image.last_error) == ("unavailable", ("2.0", "1.0"), "unavailable")


def test_a_bug_met_with_one_image_is_that_images_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad = world.plugin("team/bad")
    world.images.ensure(bad, world.clock())
    world.later(seconds=1)
    world.images.ensure(world.plugin("team/good"), world.clock())
    world.registry.tags["team/bad"] = RuntimeError("boom")
    assert world.round() == {"unavailable": 1, "first_list": 1}
    assert world.image(bad).next_refresh_at > world.clock()  # type: ignore[operator]
    assert "a fault while an image was refreshed" in caplog.text


def test_a_failure_that_nobody_can_handle_is_that_images_failure(world: World) -> None:
    bad = world.plugin("team/bad")
    world.images.ensure(bad, world.clock())
    world.later(seconds=1)
    world.images.ensure(world.plugin("team/good"), world.clock())
    world.registry.tags["team/bad"] = FetchFailed("throttled", retry_after=float("inf"))
    assert world.round() == {"unavailable": 1, "first_list": 1}
    assert world.image(bad).failures == 1


def test_a_redis_that_refuses_writes_blames_no_image(world: World) -> None:
    refs = [world.follow(f"team/plugin-{number}") for number in range(3)]
    world.later(hours=2)
    assert world.dispatch.tick() == {HOST: 3}
    world.registry.asked.clear()
    world.redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(BudgetUnavailable):
            world.work()
    finally:
        world.redis.replicaof("NO", "ONE")
    assert world.registry.asked == []
    assert [(image.state, image.failures) for image in map(world.image, refs)] == [("ok", 0)] * 3


def test_known_tags_are_given_unless_the_list_must_be_read_whole(world: World) -> None:
    ref = world.follow("team/plugin", "1.0", "2.0", "3.0")
    world.later(hours=2)
    world.round()
    world.registry.tags["team/plugin"] = ("1.0",)
    world.later(hours=3)
    assert world.round() == {"loss_unconfirmed": 1}
    assert world.image(ref).versions == ("3.0", "2.0", "1.0")
    world.later(minutes=2)
    assert world.round() == {"changed": 1}
    known = frozenset({"1.0", "2.0", "3.0"})
    assert world.registry.known == [None, known, known, None]


def test_not_found_before_the_first_list_is_settled_within_one_task(world: World) -> None:
    ref = world.plugin("team/typo")
    world.images.ensure(ref, world.clock())
    world.registry.tags["team/typo"] = FetchFailed("not_found")
    assert world.round() == {"not_found_unconfirmed": 2, "not_found": 1}
    assert world.image(ref).state == "not_found"


def test_an_image_that_no_plugin_uses_is_parked_and_keeps_its_revision(world: World) -> None:
    ref = world.follow("team/plugin")
    world.database["plugins"].delete_many({})
    world.later(hours=2)
    assert world.round() == {"parked": 1}
    world.later(days=30)
    assert world.round() == {}
    world.plugin("team/plugin")
    assert not world.images.ensure(ref, world.clock())
    world.registry.tags["team/plugin"] = ("1.0", "2.0")
    assert world.round() == {"changed": 1}
    assert world.image(ref).revision == 2


def test_a_public_ecr_image_is_followed_while_a_plugin_names_it_by_another_type(world: World) -> None:
    world.follow("alias/team/plugin", host="public.ecr.aws")
    update = {"plugin.registry_type": "AWS_PUBLIC_ECR", "plugin.registry_url": "public.ecr.aws/alias"}
    world.database["plugins"].update_one({}, {"$set": {**update, "plugin.image": "team/plugin"}})
    world.later(hours=2)
    assert world.round() == {"unchanged": 1}


def test_an_image_looked_at_while_it_is_parked_goes_on(world: World) -> None:
    ref = world.follow("team/plugin")
    world.database["plugins"].delete_many({})
    world.later(hours=2)
    in_use: Callable[[ImageRef], bool] = world.images.in_use

    def registered_meanwhile(ref: ImageRef) -> bool:
        used = in_use(ref)
        if not used:
            world.plugin("team/plugin")
            world.images.ensure(ref, world.clock())
        return used

    world.images.in_use = registered_meanwhile  # type: ignore[method-assign]
    assert world.round() == {"looked_at": 1, "unchanged": 1}
    assert world.image(ref).next_refresh_at is not None


def test_managed_plugins_keep_their_images_followed_and_are_not_named(world: World) -> None:
    world.plugin("team/plugin", "")
    ref = world.follow("team/plugin", domain_id="domain-1")
    world.database["plugins"].delete_one({"scope": "domain-1"})
    world.later(hours=2)
    world.registry.tags["team/plugin"] = ("1.0", "2.0")
    assert world.round() == {"changed": 1}
    assert [json.loads(data)["plugin_count"] for data in world.publisher.data] == [1, 0]
    assert world.image(ref).revision == 2


def test_an_event_that_could_not_be_published_waits_and_goes_first(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock())
    world.publisher.away = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        world.round()
    assert [event["revision"] for event in world.document(ref)["outbox"]] == [1]
    (waiting,) = world.images.load([ref.subject], world.clock())
    assert [event.revision for event in waiting.pending] == [1]
    assert world.document(ref)["pending_at"] == START
    world.publisher.away = None
    world.registry.tags["team/plugin"] = ("1.0", "2.0")
    world.later(hours=2)
    assert world.round() == {"changed": 1}
    assert world.publisher.revisions[ref.subject] == [1, 2]
    assert [event["revision"] for event in world.document(ref)["outbox"]] == [2]
    world.images.clear({ref.subject: 2})
    assert not {"outbox", "pending_at"} & world.document(ref).keys()


def test_a_lost_event_is_repaired_with_the_present_state(world: World) -> None:
    ref = world.follow("team/plugin", "1.0", "2.0")
    (subject,) = world.images.load([ref.subject], world.clock())
    event = subject.present()
    data = json.loads(event.data)
    assert (event.gap, event.revision, data["added"], data["removed"]) == (True, 1, [], [])
    assert (data["total_count"], data["latest"], data["plugin_count"]) == (2, "2.0", 1)
    assert (subject.revision, subject.pending[0].revision) == (1, 1)


def test_a_stopping_worker_gives_its_images_back(world: World) -> None:
    for number in range(5):
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock())

    def stop(_: ImageRef) -> None:
        world.stopping = True

    world.registry.during = stop
    assert world.round() == {"first_list": 1, "stopping": 1}
    world.stopping = False
    world.registry.during = lambda ref: None
    assert world.round() == {"first_list": 4}


def test_a_tick_that_cannot_send_leaves_nothing_claimed(world: World) -> None:
    world.images.ensure(world.plugin("team/plugin"), world.clock())
    broken = Dispatch(world.queue, world.budget, _broken, world.clock)
    for _ in range(3):  # more often than there are slots
        with pytest.raises(ConnectionError):
            broken.tick()
    assert world.dispatch.tick() == {HOST: 1}


def _broken(**task: object) -> None:
    raise ConnectionError


def test_an_image_somebody_looks_at_goes_before_the_backlog(world: World) -> None:
    refs = [world.follow(f"team/plugin-{number}") for number in range(45)]
    world.registry.asked.clear()
    world.later(hours=2)
    assert world.dispatch.tick() == {HOST: 40}
    waiting = [ref for ref in refs if "lease" not in world.document(ref)][-1]
    assert world.images.look(waiting, world.clock())
    world.work()
    assert world.registry.asked[1] == waiting.image
    assert world.document(waiting)["priority"] == 0


def test_a_look_makes_an_image_due_at_most_once_a_minute(world: World) -> None:
    ref = world.follow("team/plugin")
    world.later(seconds=61)
    assert world.images.look(ref, world.clock())
    assert world.round() == {"unchanged": 1}
    world.later(seconds=59)
    assert not world.images.look(ref, world.clock())
    assert world.round() == {}
    world.later(seconds=2)
    assert world.images.look(ref, world.clock())


def test_images_are_made_due_by_subject_by_name_or_all(world: World) -> None:
    refs = [world.follow(f"team/plugin-{number}") for number in range(3)]
    now = world.clock()
    assert world.images.make_due(refs[0].subject, now) == 1
    assert world.images.make_due("team/plugin-1", now) == 1
    assert world.images.make_due("team/plugin-9", now) == 0
    assert world.round() == {"unchanged": 2}
    assert world.images.make_due(None, now) == 3
    assert world.round() == {"unchanged": 3}


def test_images_of_plugins_nobody_told_about_are_adopted(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(7)]
    world.plugin("team/plugin-0", "")
    parked = world.follow("team/plugin-3", domain_id="domain-2")
    world.database["images"].update_one({"_id": parked.key}, {"$unset": {"next_refresh_at": ""}})
    steps = [world.adopt.step() for _ in range(4)]
    assert sum(steps) == 7
    assert [world.adopt.step() for _ in range(4)] == [0, 0, 0, 0]
    due = [world.document(ref)["next_refresh_at"] for ref in refs]
    assert START < min(due) < max(due) < START + timedelta(hours=1)


def test_an_image_that_is_due_later_than_any_may_be_is_read_within_the_starting_interval(
    world: World,
) -> None:
    """The clock of the worker that wrote it was two days ahead."""
    ref = world.follow("team/plugin")
    world.later(days=2)
    assert world.round() == {"unchanged": 1}
    world.later(days=-2)
    assert world.adopt.step() == 1
    assert world.adopt.step() == 0
    due = world.image(ref).next_refresh_at
    assert due is not None
    assert world.clock() < due < world.clock() + timedelta(hours=1)


def test_the_state_of_each_group_for_people(world: World) -> None:
    world.follow("team/plugin-1")
    world.images.ensure(world.plugin("team/plugin-2"), world.clock())
    (group,) = world.queue.counts(world.clock() + timedelta(minutes=5))
    assert (group.host, group.images, group.due, group.parked, group.claimed, group.failing) == (
        HOST,
        2,
        1,
        0,
        0,
        0,
    )
    assert group.oldest_due_at == START


def test_a_task_of_a_slow_registry_makes_room_for_others(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(6)]
    for ref in refs:
        world.images.ensure(ref, world.clock())
    world.registry.during = lambda ref: world.later(seconds=90)
    world.dispatch.tick()
    task = world.sent[0]
    reasons = world.refresh.run(**task)
    assert reasons == {"first_list": 3, "time_over": 1}
    assert not any("lease" in world.document(ref) for ref in refs), "the rest is not given back"
    assert world.budget.status(HOST, "OCI").in_use == 0


def test_a_wish_while_the_image_is_being_read_is_not_lost(world: World) -> None:
    ref = world.follow("team/plugin", "1.0")
    world.later(hours=2)

    def pushed(_: ImageRef) -> None:
        world.registry.tags["team/plugin"] = ("1.0", "2.0")

    def before_the_push(_: ImageRef) -> None:
        world.registry.during = pushed
        assert world.images.make_due("team/plugin", world.clock()) == 1

    world.registry.during = before_the_push
    assert world.round() + world.round() == {"lease_lost": 1, "changed": 1}
    assert world.image(ref).versions == ("2.0", "1.0")
