"""Each change of a list is announced once, in order, whatever fails between the write and the stream."""

import json

import pytest

from contracts.errors import StoreUnavailable
from tests.support.clock import START
from tests.versions.world import World


def test_a_new_image_is_read_and_announced_with_its_plugins(world: World) -> None:
    ref = world.plugin("team/plugin", "domain-2")
    world.plugin("team/plugin", "domain-1")
    world.plugin("team/plugin", "domain-3", credential="other")
    assert world.images.ensure(ref, world.clock.now())
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


def test_an_event_that_could_not_be_published_waits_and_goes_first(world: World) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    world.publisher.away = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        world.round()
    assert [event["revision"] for event in world.document(ref)["outbox"]] == [1]
    (waiting,) = world.images.load([ref.subject], world.clock.now())
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
    (subject,) = world.images.load([ref.subject], world.clock.now())
    event = subject.present()
    data = json.loads(event.data)
    assert (event.gap, event.revision, data["added"], data["removed"]) == (True, 1, [], [])
    assert (data["total_count"], data["latest"], data["plugin_count"]) == (2, "2.0", 1)
    assert (subject.revision, subject.pending[0].revision) == (1, 1)
