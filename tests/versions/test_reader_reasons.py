"""What a caller is told of an image without a list: why, and when its registry is asked again."""

from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from contracts.errors import RegistryReason, RegistryUnavailable
from contracts.values import format_time
from tests.versions.world import HOST, World
from worker.domain.image import FailureReason, FetchFailed, ImageRef, NoAnswer

READ = [reason for reason in get_args(RegistryReason) if reason != "throttled"]


def refusal(world: World, ref: ImageRef) -> dict[str, Any]:
    with pytest.raises(RegistryUnavailable) as told:
        world.reader().versions(ref)
    return told.value.details


def failing(world: World, failure: FetchFailed) -> ImageRef:
    """An image that was read once, in vain."""
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    world.registry.tags["team/plugin"] = failure
    world.round()
    return ref


def due(world: World, ref: ImageRef) -> datetime:
    at = world.image(ref).next_refresh_at
    assert at is not None
    return at


def test_a_caller_is_told_of_every_reason_but_not_found() -> None:
    assert {*get_args(RegistryReason), "not_found"} == {*get_args(FailureReason)}


@pytest.mark.parametrize("reason", READ)
def test_the_reason_is_told_and_the_detail_is_not(world: World, reason: FailureReason) -> None:
    ref = failing(world, FetchFailed(reason, detail="registry.internal answers with hunter2"))
    details = refusal(world, ref)
    assert details == {"reason": reason, "next_try_at": format_time(due(world, ref))}


def test_a_404_that_is_not_believed_yet_is_no_reason(world: World) -> None:
    """So it is stored between the first 404 behind another failure, and the third."""
    ref = failing(world, FetchFailed("timeout"))
    world.database["images"].update_one({"_id": ref.key}, {"$set": {"last_error": "not_found"}})
    assert refusal(world, ref) == {"next_try_at": format_time(due(world, ref))}


def test_the_message_says_why_and_until_when(world: World) -> None:
    ref = failing(world, FetchFailed("auth", detail="registry.internal answers with hunter2"))
    with pytest.raises(RegistryUnavailable) as told:
        world.reader().versions(ref)
    why = "the registry did not give the versions: it does not let us in"
    assert told.value.message == f"{why}; it is asked again at {format_time(due(world, ref))}"


def test_it_is_asked_again_when_it_is_due(world: World) -> None:
    """The first reading was requested less than a minute ago: a caller does not bring it forward."""
    ref = failing(world, FetchFailed("timeout"))
    assert due(world, ref) > world.clock.now()
    assert refusal(world, ref)["next_try_at"] == format_time(due(world, ref))


def test_it_is_asked_again_at_once_when_the_caller_has_it_asked(world: World) -> None:
    ref = failing(world, FetchFailed("auth"))
    world.later(seconds=100)
    assert due(world, ref) > world.clock.now()
    assert refusal(world, ref)["next_try_at"] == format_time(world.clock.now())
    assert due(world, ref) == world.clock.now()


def test_it_is_not_asked_while_its_registry_is_left_alone(world: World) -> None:
    ref = failing(world, FetchFailed("refused"))
    world.budget.slot(HOST, "OCI", "another").failed(FetchFailed("throttled", retry_after=7_000))
    details = refusal(world, ref)
    later = format_time(world.clock.now() + timedelta(seconds=7_000))
    assert details == {"reason": "refused", "next_try_at": later}


def test_a_registry_that_asks_to_be_left_alone(world: World) -> None:
    world.budget.slot(HOST, "OCI", "another").failed(FetchFailed("throttled", retry_after=500))
    details = refusal(world, world.plugin("team/plugin"))
    later = format_time(world.clock.now() + timedelta(seconds=500))
    assert details == {"reason": "throttled", "next_try_at": later}


def test_a_registry_that_is_not_reached(world: World) -> None:
    for _ in range(5):
        world.budget.slot(HOST, "OCI", "another").failed(NoAnswer("timeout"))
    details = refusal(world, world.plugin("team/plugin"))
    later = format_time(world.clock.now() + timedelta(seconds=30))
    assert details == {"reason": "unreachable", "next_try_at": later}


def test_without_the_budgets_it_is_told_when_it_is_due(world: World) -> None:
    ref = failing(world, FetchFailed("malformed"))
    world.redis.replicaof("127.0.0.1", "1")
    try:
        details = refusal(world, ref)
    finally:
        world.redis.replicaof("NO", "ONE")
    assert details == {"reason": "malformed", "next_try_at": format_time(due(world, ref))}


def test_a_credential_that_is_not_for_the_plugin(world: World) -> None:
    """Nothing that is done by itself changes that."""
    world.registry.rights["robot"] = frozenset()
    ref = world.plugin("team/plugin", credential="robot")
    assert refusal(world, ref) == {"reason": "auth"}


def test_a_failure_that_an_older_version_stored(world: World) -> None:
    ref = failing(world, FetchFailed("refused"))
    old = {"$set": {"last_error": "unavailable"}, "$unset": {"last_detail": "", "failing_since": ""}}
    world.database["images"].update_one({"_id": ref.key}, old)
    assert refusal(world, ref) == {"next_try_at": format_time(due(world, ref))}
