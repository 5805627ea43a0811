"""Due images are claimed once, by any number of dispatchers, within the slots of their budget group."""

from datetime import timedelta

import pytest

from tests.support.clock import START
from tests.versions.world import HOST, World
from worker.domain.image import FetchFailed, NoAnswer
from worker.registries.budget.budget import BudgetUnavailable
from worker.versions.dispatch import Dispatch


def test_an_image_is_asked_for_once_however_many_dispatch_it(world: World) -> None:
    for number in range(30):
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock.now())
    one, two = world.dispatcher(), world.dispatcher()
    assert [one.group(HOST).images, two.group(HOST).images, one.group(HOST).images] == [30, 0, 0]
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
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock.now())
    assert world.dispatch.all_groups() == {HOST: 40}
    assert world.dispatch.all_groups() == {}
    world.run(world.sent.pop(0))
    assert world.dispatch.all_groups() == {HOST: 20}


def test_the_images_of_a_worker_that_died_are_claimed_again_when_their_lease_lapses(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    world.dispatch.all_groups()
    dead = world.sent.pop()
    world.later(seconds=119)
    assert world.round() == {}
    world.later(seconds=2)
    assert world.round() == {"first_list": 1}
    assert world.run(dead) == {"claim_lost": 1}
    assert world.registry.asked == ["team/plugin"]


def test_a_throttled_group_is_left_alone_and_its_images_are_not_blamed(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(3)]
    for ref in refs:
        world.images.ensure(ref, world.clock.now())
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
        world.images.ensure(ref, world.clock.now())
        world.registry.tags[ref.image] = NoAnswer("unreachable")
    world.round()
    assert len(world.registry.asked) == 5
    assert world.round() == {}
    world.later(seconds=31)
    world.round()
    assert len(world.registry.asked) == 6
    world.later(seconds=61)
    world.registry.tags.clear()
    world.dispatch.all_groups()
    assert [len(task["images"]) for task in world.sent] == [1]
    world.work()
    world.later(hours=2)
    world.round()
    assert {world.image(ref).state for ref in refs} == {"ok"}


def test_a_redis_that_refuses_writes_blames_no_image(world: World) -> None:
    refs = [world.follow(f"team/plugin-{number}") for number in range(3)]
    world.later(hours=2)
    assert world.dispatch.all_groups() == {HOST: 3}
    world.registry.asked.clear()
    world.redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(BudgetUnavailable):
            world.work()
    finally:
        world.redis.replicaof("NO", "ONE")
    assert world.registry.asked == []
    assert [(image.state, image.failures) for image in map(world.image, refs)] == [("ok", 0)] * 3


def test_a_tick_that_cannot_send_leaves_nothing_claimed(world: World) -> None:
    world.images.ensure(world.plugin("team/plugin"), world.clock.now())
    broken = Dispatch(world.queue, world.budget, _broken, world.clock)
    for _ in range(3):  # more often than there are slots
        with pytest.raises(ConnectionError):
            broken.all_groups()
    assert world.dispatch.all_groups() == {HOST: 1}


def _broken(**task: object) -> None:
    raise ConnectionError


def test_the_state_of_each_group_for_people(world: World) -> None:
    world.follow("team/plugin-1")
    world.images.ensure(world.plugin("team/plugin-2"), world.clock.now())
    (group,) = world.queue.counts(world.clock.now() + timedelta(minutes=5))
    assert (group.budget_group, group.images, group.due, group.parked, group.claimed, group.failing) == (
        HOST,
        2,
        1,
        0,
        0,
        0,
    )
    assert group.oldest_due_at == START


def test_an_image_that_no_plugin_uses_any_more_is_not_counted_as_failing(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    for next_refresh_at, failing in ((START, 1), (None, 0)):
        world.database["images"].update_one({}, {"$set": {"failures": 2, "next_refresh_at": next_refresh_at}})
        (group,) = world.queue.counts(world.clock.now())
        assert (group.images, group.failing) == (1, failing)
