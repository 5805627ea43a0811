"""One image that its registry does not give must not keep the others of its host from being read."""

from collections import Counter
from datetime import timedelta

import pytest

from tests.versions.world import HOST, World
from worker.domain.image import FetchFailed, ImageRef, NoAnswer


def live(world: World, requested: list[ImageRef], hours: float) -> Counter[str]:
    """What is asked for in that time, with a tick and a request for each of some images every minute."""
    world.registry.asked.clear()
    ends = world.clock.now() + timedelta(hours=hours)
    while world.clock.now() < ends:
        for ref in requested:
            world.images.request_refresh(ref, world.clock.now())
        world.round()
        world.later(minutes=1)
    return Counter(world.registry.asked)


@pytest.mark.parametrize("retry_after", [None, 0.0])
def test_an_image_that_is_always_throttled_goes_behind_the_others(
    world: World, retry_after: float | None
) -> None:
    good = [world.follow(f"team/good-{number}") for number in range(3)]
    bad = world.follow("team/bad")
    world.registry.tags["team/bad"] = FetchFailed("throttled", retry_after)
    world.later(hours=2)
    world.images.make_due("team/bad", world.clock.now())
    asked = live(world, [], 24)
    assert all(asked[ref.image] >= 5 for ref in good), asked
    assert asked["team/bad"] >= 5
    assert (world.image(bad).state, world.image(bad).failures) == ("ok", 0)
    assert world.image(bad).stale(world.clock.now())


@pytest.mark.parametrize("retry_after", [None, 0.0])
def test_a_throttled_image_that_is_always_requested_goes_behind_the_others(
    world: World, retry_after: float | None
) -> None:
    good = [world.follow(f"team/good-{number}") for number in range(3)]
    bad = world.follow("team/bad")
    world.registry.tags["team/bad"] = FetchFailed("throttled", retry_after)
    asked = live(world, [bad], 24)
    assert all(asked[ref.image] >= 5 for ref in good), asked


def test_what_our_own_budget_refuses_keeps_its_place(world: World) -> None:
    ref = world.follow("team/plugin")
    world.later(hours=2)
    assert world.images.request_refresh(ref, world.clock.now())
    requested = world.document(ref)
    world.dispatch.all_groups()
    world.budget.slot(HOST, "OCI", "another").failed(FetchFailed("throttled"))
    assert world.work() == {"throttled": 1}
    assert {**requested, "lease": None} == {**world.document(ref), "lease": None}


def test_a_group_is_probed_with_the_image_that_failed_least(world: World) -> None:
    """Images that hang are requested all the time, and so are always due and first."""
    good = [world.follow(f"team/good-{number}") for number in range(3)]
    hanging = [world.follow(f"team/hanging-{number}") for number in range(5)]
    for ref in hanging:
        world.registry.tags[ref.image] = NoAnswer("unreachable")
    asked = live(world, hanging, 12)
    assert all(asked[ref.image] >= 5 for ref in good), asked


def test_a_group_is_probed_with_an_image_that_was_read_before_one_that_never_was(world: World) -> None:
    world.follow("team/good")
    world.later(hours=2)
    for number in range(3):
        world.images.ensure(world.plugin(f"team/new-{number}"), world.clock.now())
    world.registry.asked.clear()
    slot = world.budget.slot(HOST, "OCI", "another")
    for _ in range(5):
        slot.failed(NoAnswer("unreachable"))
    world.later(minutes=1)
    world.round()
    assert world.registry.asked[0] == "team/good"
