"""A task reads its images one after the other and writes each once; whatever fails is that image's failure."""

from datetime import timedelta

import pytest

from tests.versions.world import HOST, World
from worker.domain.image import CutShort, FetchFailed, ImageRef, NoAnswer, TagList
from worker.versions.refresh import Refresh


def test_what_a_frozen_worker_read_is_not_written_over_what_came_after(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    world.registry.tags["team/plugin"] = ("1.0",)

    def frozen(_: ImageRef) -> None:
        world.registry.during = lambda ref: None
        world.registry.tags["team/plugin"] = ("1.0", "2.0")
        world.later(seconds=121)
        assert world.round() == {"first_list": 1}
        world.registry.tags["team/plugin"] = ("0.1",)

    world.registry.during = frozen
    assert world.round() == {"claim_lost": 1}
    image = world.image(ref)
    assert (image.versions, image.revision) == (("2.0", "1.0"), 1)
    assert len(world.publisher.data) == 1


def test_a_long_task_keeps_its_leases(world: World) -> None:
    for number in range(3):
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock.now())
    rivals: list[int] = []

    def slow(_: ImageRef) -> None:
        world.later(seconds=80)
        rivals.append(world.dispatcher().group(HOST).images)

    world.registry.during = slow
    assert world.round() == {"first_list": 3}
    assert rivals == [0, 0, 0]
    assert len(world.registry.asked) == 3


def test_a_failure_keeps_the_list(world: World) -> None:
    ref = world.follow("team/plugin", "1.0", "2.0")
    world.registry.tags["team/plugin"] = FetchFailed("refused")
    world.later(hours=2)
    assert world.round() == {"refused": 1}
    image = world.image(ref)
    assert (image.state, image.versions, image.last_error) == ("unavailable", ("2.0", "1.0"), "refused")


def test_a_list_that_breaks_off_is_kept_and_tried_again_soon(world: World) -> None:
    ref = world.follow("team/plugin", "1.0", "2.0")
    failure = NoAnswer("timeout", detail="registry.example.com does not answer in time")
    world.registry.tags["team/plugin"] = TagList(("3.0",), truncated=True, failure=failure)
    world.later(hours=2)
    assert world.round() == {"changed": 1}
    image = world.image(ref)
    assert (image.versions, image.truncated) == (("3.0", "2.0", "1.0"), True)
    assert (image.last_error, image.last_detail) == ("timeout", failure.detail)
    assert image.next_refresh_at is not None
    assert image.next_refresh_at - world.clock.now() <= timedelta(minutes=1)
    # The circuit of its host counts it.
    assert world.budget.status(HOST, "OCI").unreachable_in_row == 1


def test_a_bug_met_with_one_image_is_that_images_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad = world.plugin("team/bad")
    world.images.ensure(bad, world.clock.now())
    world.later(seconds=1)
    world.images.ensure(world.plugin("team/good"), world.clock.now())
    world.registry.tags["team/bad"] = RuntimeError("boom")
    assert world.round() == {"malformed": 1, "first_list": 1}
    assert world.image(bad).next_refresh_at > world.clock.now()  # type: ignore[operator]
    assert f"a fault while {bad.key} was refreshed" in caplog.text


def test_the_log_names_each_image_and_its_reason(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "worker.versions.refresh_log")
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    world.registry.tags["team/plugin"] = ("1.0",)
    world.round()
    record = next(record for record in caplog.records if record.getMessage().startswith("refreshed "))
    assert record.getMessage() == f"refreshed {ref.key}: first_list"
    assert (vars(record)["subject"], vars(record)["reason"]) == (ref.key, "first_list")


def test_a_failure_that_nobody_can_handle_is_that_images_failure(world: World) -> None:
    bad = world.plugin("team/bad")
    world.images.ensure(bad, world.clock.now())
    world.later(seconds=1)
    world.images.ensure(world.plugin("team/good"), world.clock.now())
    world.registry.tags["team/bad"] = FetchFailed("throttled", retry_after=float("inf"))
    assert world.round() == {"malformed": 1, "first_list": 1}
    assert world.image(bad).failures == 1


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
    world.images.ensure(ref, world.clock.now())
    world.registry.tags["team/typo"] = FetchFailed("not_found")
    assert world.round() == {"not_found_unconfirmed": 2, "not_found": 1}
    assert world.image(ref).state == "not_found"


def test_a_stopping_worker_gives_its_images_back(world: World) -> None:
    for number in range(5):
        world.images.ensure(world.plugin(f"team/plugin-{number}"), world.clock.now())

    def stop(_: ImageRef) -> None:
        world.stopping = True

    world.registry.during = stop
    assert world.round() == {"first_list": 1, "stopping": 1}
    world.stopping = False
    world.registry.during = lambda ref: None
    assert world.round() == {"first_list": 4}


def test_a_read_that_is_cut_short_by_the_end_of_the_worker_is_no_failure(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(3)]
    for ref in refs:
        world.images.ensure(ref, world.clock.now())
    world.registry.tags["team/plugin-0"] = CutShort()
    before = [world.document(ref) for ref in refs]
    assert world.round() == {"stopping": 1}
    assert [world.document(ref) for ref in refs] == before, "an image is blamed, or not given back"
    status = world.budget.status(HOST, "OCI")
    assert (status.unreachable_in_row, status.in_use) == (0, 0)
    assert world.registry.asked == ["team/plugin-0"]


def test_a_worker_that_ends_does_not_wait_for_the_pace_of_a_registry(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    world.dispatch.all_groups()
    other = world.budget.slot(HOST, "OCI", "another")
    other.reserve()
    waits_s = [other.acquire() for _ in range(20)]
    clock = world.clock
    refresh = Refresh(
        world.store,
        world.budget,
        world.registry,
        world.publisher,
        world.intervals,
        clock,
        lambda: bool(clock.slept),
    )
    task = world.sent.pop()
    assert refresh.run(task["host"], task["images"], task["lease"]).reasons == {"stopping": 1}
    assert sum(clock.slept) < max(waits_s)
    assert world.registry.asked == []
    assert "lease" not in world.document(ref)


def test_a_task_of_a_slow_registry_makes_room_for_others(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(6)]
    for ref in refs:
        world.images.ensure(ref, world.clock.now())
    world.registry.during = lambda ref: world.later(seconds=90)
    world.dispatch.all_groups()
    task = world.sent[0]
    reasons = world.run(task)
    assert reasons == {"first_list": 3, "time_over": 1}
    assert not any("lease" in world.document(ref) for ref in refs), "the rest is not given back"
    assert world.budget.status(HOST, "OCI").in_use == 0
