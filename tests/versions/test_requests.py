"""A refresh is requested: the image goes before others, once a minute; operators make any image due."""

from tests.versions.world import HOST, World
from worker.domain.image import ImageRef


def test_an_image_that_is_requested_goes_before_the_backlog(world: World) -> None:
    refs = [world.follow(f"team/plugin-{number}") for number in range(45)]
    world.registry.asked.clear()
    world.later(hours=2)
    assert world.dispatch.all_groups() == {HOST: 40}
    waiting = [ref for ref in refs if "lease" not in world.document(ref)][-1]
    assert world.images.request_refresh(waiting, world.clock.now())
    world.work()
    assert world.registry.asked[1] == waiting.image
    assert world.document(waiting)["priority"] == 0


def test_a_request_makes_an_image_due_at_most_once_a_minute(world: World) -> None:
    ref = world.follow("team/plugin")
    world.later(seconds=61)
    assert world.images.request_refresh(ref, world.clock.now())
    assert world.round() == {"unchanged": 1}
    world.later(seconds=59)
    assert not world.images.request_refresh(ref, world.clock.now())
    assert world.round() == {}
    world.later(seconds=2)
    assert world.images.request_refresh(ref, world.clock.now())


def test_images_are_made_due_by_subject_by_name_or_all(world: World) -> None:
    refs = [world.follow(f"team/plugin-{number}") for number in range(3)]
    now = world.clock.now()
    assert world.images.make_due(refs[0].subject, now) == 1
    assert world.images.make_due("team/plugin-1", now) == 1
    assert world.images.make_due("team/plugin-9", now) == 0
    assert world.round() == {"unchanged": 2}
    assert world.images.make_due(None, now) == 3
    assert world.round() == {"unchanged": 3}


def test_a_request_while_the_image_is_being_read_is_not_lost(world: World) -> None:
    ref = world.follow("team/plugin", "1.0")
    world.later(hours=2)

    def pushed(_: ImageRef) -> None:
        world.registry.tags["team/plugin"] = ("1.0", "2.0")

    def before_the_push(_: ImageRef) -> None:
        world.registry.during = pushed
        assert world.images.make_due("team/plugin", world.clock.now()) == 1

    world.registry.during = before_the_push
    assert world.round() + world.round() == {"claim_lost": 1, "changed": 1}
    assert world.image(ref).versions == ("2.0", "1.0")
