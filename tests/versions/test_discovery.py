"""Images of plugins are found without a word, parked when no plugin uses them, and followed again."""

import json
from datetime import timedelta

import pytest

from tests.support.clock import START
from tests.versions.world import World
from worker.domain.image import ImageRef


def test_images_of_plugins_that_nothing_was_said_about_are_discovered(world: World) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(7)]
    world.plugin("team/plugin-0", "")
    parked = world.follow("team/plugin-3", domain_id="domain-2")
    world.database["images"].update_one({"_id": parked.key}, {"$unset": {"next_refresh_at": ""}})
    steps = [world.discovery.step() for _ in range(4)]
    assert sum(steps) == 7
    assert [world.discovery.step() for _ in range(4)] == [0, 0, 0, 0]
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
    assert world.discovery.step() == 1
    assert world.discovery.step() == 0
    due = world.image(ref).next_refresh_at
    assert due is not None
    assert world.clock.now() < due < world.clock.now() + timedelta(hours=1)


def test_an_image_that_no_plugin_uses_is_parked_and_keeps_its_revision(world: World) -> None:
    ref = world.follow("team/plugin")
    world.database["plugins"].delete_many({})
    world.later(hours=2)
    assert world.round() == {"unused": 1}
    world.later(days=30)
    assert world.round() == {}
    world.plugin("team/plugin")
    assert not world.images.ensure(ref, world.clock.now())
    world.registry.tags["team/plugin"] = ("1.0", "2.0")
    assert world.round() == {"changed": 1}
    assert world.image(ref).revision == 2


def test_an_image_requested_while_it_is_parked_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.follow("team/plugin")
    world.database["plugins"].delete_many({})
    world.later(hours=2)
    any_user = world.users.any

    def registered_meanwhile(ref: ImageRef) -> bool:
        used = any_user(ref)
        if not used:
            world.plugin("team/plugin")
            world.images.ensure(ref, world.clock.now())
        return used

    monkeypatch.setattr(world.users, "any", registered_meanwhile)
    assert world.round() == {"requested": 1, "unchanged": 1}
    assert world.image(ref).next_refresh_at is not None


def test_a_public_ecr_image_is_followed_while_a_plugin_names_it_by_another_type(world: World) -> None:
    world.follow("alias/team/plugin", host="public.ecr.aws")
    update = {"plugin.registry_type": "AWS_PUBLIC_ECR", "plugin.registry_url": "public.ecr.aws/alias"}
    world.database["plugins"].update_one({}, {"$set": {**update, "plugin.image": "team/plugin"}})
    world.later(hours=2)
    assert world.round() == {"unchanged": 1}


def test_managed_plugins_keep_their_images_followed_and_are_not_named(world: World) -> None:
    world.plugin("team/plugin", "")
    ref = world.follow("team/plugin", domain_id="domain-1")
    world.database["plugins"].delete_one({"scope": "domain-1"})
    world.later(hours=2)
    world.registry.tags["team/plugin"] = ("1.0", "2.0")
    assert world.round() == {"changed": 1}
    assert [json.loads(data)["plugin_count"] for data in world.publisher.data] == [1, 0]
    assert world.image(ref).revision == 2
