"""A refresh task that no dispatch has sent: it claims nothing, and has no registry asked."""

import pytest

from tests.versions.world import HOST, World

FORGED = "f" * 32


@pytest.mark.parametrize(
    "images", [["zzz"], [], ["requested"], ["zzz"] * 100], ids=["one", "none", "its", "many"]
)
def test_it_takes_nothing_that_was_requested(world: World, images: list[str]) -> None:
    ref = world.follow("team/plugin")
    world.later(hours=2)
    assert world.images.request_refresh(ref, world.clock.now())
    world.registry.asked.clear()
    before = world.document(ref)
    keys = [ref.key if image == "requested" else image for image in images]
    world.run({"host": HOST, "images": keys, "lease": FORGED})
    assert world.registry.asked == []
    assert world.document(ref) == before


def test_it_ends_no_claim_of_another(world: World) -> None:
    ref = world.follow("team/plugin")
    world.later(hours=2)
    world.dispatch.all_groups()
    claimed = world.document(ref)
    in_use = world.budget.status(HOST, "OCI").in_use
    assert in_use == 1
    assert world.run({"host": HOST, "images": [ref.key], "lease": FORGED}) == {"claim_lost": 1}
    assert world.document(ref) == claimed
    assert world.budget.status(HOST, "OCI").in_use == in_use


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "localhost:6379", "", "x" * 4_000], ids=range(5)
)
def test_it_names_no_host_to_ask(world: World, host: str) -> None:
    ref = world.follow("team/plugin")
    world.later(hours=2)
    world.registry.asked.clear()
    before, keys = world.document(ref), sorted(world.redis.keys("*"))
    world.cycle.refresh_group(host, [ref.key, "zzz"], FORGED)
    assert world.registry.asked == []
    assert world.sent == []
    assert world.document(ref) == before
    assert sorted(world.redis.keys("*")) == keys


def test_the_rest_of_a_task_whose_first_claim_was_lost_is_read_as_ever(world: World) -> None:
    refs = [world.follow(f"team/plugin-{number}") for number in range(3)]
    world.later(hours=2)
    world.dispatch.all_groups()
    task = world.sent.pop()
    assert len(task["images"]) == 3
    lost = task["images"][0]
    world.database["images"].update_one({"_id": lost}, {"$set": {"lease.token": FORGED}})
    world.registry.asked.clear()
    assert world.run(task) == {"claim_lost": 1, "unchanged": 2}
    assert sorted(world.registry.asked) == sorted(ref.image for ref in refs if ref.key != lost)
