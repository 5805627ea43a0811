"""Reading an image's versions: from the store; the first time, after a short wait."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import ImageNotFound, RegistryUnavailable, VersionsPending
from tests.support.clock import START
from tests.versions.world import World
from worker.domain.image import FetchFailed
from worker.tasks.broker import BrokerUnavailable


def test_versions_newest_first_without_signatures_and_without_asking_anybody(world: World) -> None:
    ref = world.follow("team/plugin", "latest", "1.0", "1.10", "1.9", "sha256-" + "a" * 64 + ".sig")
    world.registry.asked.clear()
    info = world.reader().versions(ref)
    assert info.model_dump() == {
        "results": ["1.10", "1.9", "1.0", "latest"],
        "total_count": 4,
        "synced_at": "2026-01-01T12:00:00.000Z",
        "stale": False,
        "truncated": False,
        "sync_state": "ok",
    }
    assert world.registry.asked == []
    assert world.sent == []


def test_a_stale_list_is_answered_and_made_due(world: World) -> None:
    ref = world.follow("team/plugin", "1.0")
    world.later(hours=2)
    info = world.reader().versions(ref)
    assert (info.results, info.stale, info.sync_state) == (["1.0"], True, "ok")
    assert world.document(ref)["priority"] == 1


def test_a_fresh_list_is_not_made_due(world: World) -> None:
    ref = world.follow("team/plugin", "1.0")
    world.later(minutes=5)
    assert not world.reader().versions(ref).stale
    assert world.round() == {}


@pytest.mark.parametrize(
    ("reason", "state"),
    [("timeout", "unavailable"), ("auth", "auth_failed"), ("not_found", "not_found")],
)
def test_a_list_is_answered_however_the_registry_fails(world: World, reason: str, state: str) -> None:
    ref = world.follow("team/plugin", "1.0")
    world.registry.tags["team/plugin"] = FetchFailed(reason)  # type: ignore[arg-type]
    for _ in range(3):
        world.later(hours=13)
        world.round()
    info = world.reader().versions(ref)
    assert (info.results, info.stale, info.sync_state) == (["1.0"], True, state)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("timeout", RegistryUnavailable),
        ("auth", RegistryUnavailable),
        ("not_found", ImageNotFound),
    ],
)
def test_without_a_list_the_failure_is_told(world: World, reason: str, error: type[Exception]) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    world.registry.tags["team/plugin"] = FetchFailed(reason)  # type: ignore[arg-type]
    world.round()
    with pytest.raises(error):
        world.reader().versions(ref)


def test_a_first_read_has_the_image_followed_and_waits_for_its_list(world: World) -> None:
    ref = world.plugin("team/plugin")
    reader = world.reader(wait_s=10, sleep=lambda s: _work(world))
    assert reader.versions(ref).results == ["1.0"]


def test_a_first_read_right_after_the_image_was_discovered_has_it_read(world: World) -> None:
    ref = world.plugin("team/plugin")
    assert world.discovery.step() == 1
    reader = world.reader(wait_s=10, sleep=lambda s: _work(world))
    assert reader.versions(ref).results == ["1.0"]


def test_a_first_read_waits_only_so_long(world: World) -> None:
    ref = world.plugin("team/plugin")
    with pytest.raises(VersionsPending):
        world.reader().versions(ref)
    assert len(world.sent) == 1
    with pytest.raises(VersionsPending):
        world.reader().versions(ref)
    assert len(world.sent) == 1


def test_a_first_read_does_not_wait_for_a_registry_that_is_left_alone(world: World) -> None:
    other = world.plugin("team/other")
    world.images.ensure(other, world.clock.now())
    world.registry.tags["team/other"] = FetchFailed("throttled", retry_after=3_600)
    world.round()
    waits: list[float] = []
    reader = world.reader(wait_s=10, sleep=waits.append)
    with pytest.raises(RegistryUnavailable):
        reader.versions(world.plugin("team/plugin"))
    assert waits == []


def test_a_first_read_without_the_budgets_is_pending(world: World) -> None:
    """What is due is dispatched by the next tick."""
    ref = world.plugin("team/plugin")
    world.redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(VersionsPending):
            world.reader().versions(ref)
    finally:
        world.redis.replicaof("NO", "ONE")
    assert world.round() == {"first_list": 1}


def test_a_first_read_without_the_queues_is_pending(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(group: Any) -> Any:
        raise BrokerUnavailable("away")

    ref = world.plugin("team/plugin")
    monkeypatch.setattr(world.dispatch, "group", away)
    with pytest.raises(VersionsPending):
        world.reader().versions(ref)


def test_at_most_four_first_reads_wait_at_a_time(world: World) -> None:
    release, waiting = threading.Event(), threading.Semaphore(0)

    def wait(seconds: float) -> None:
        waiting.release()
        release.wait(30)

    reader = world.reader(wait_s=60, sleep=wait)
    refs = [world.plugin(f"team/plugin-{number}") for number in range(5)]
    answers: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda ref=ref: answers.append(reader.versions(ref).results))
        for ref in refs[:4]
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            assert waiting.acquire(timeout=30)
        with pytest.raises(VersionsPending):
            reader.versions(refs[4])
        world.work()
        world.round()
    finally:
        release.set()
        for thread in threads:
            thread.join(30)
    assert answers == [["1.0"]] * 4


def test_a_parked_image_is_followed_again_when_it_is_read(world: World) -> None:
    ref = world.follow("team/plugin")
    world.database["images"].update_one({"_id": ref.key}, {"$unset": {"next_refresh_at": ""}})
    assert world.reader().versions(ref).stale
    assert world.round() == {"unchanged": 1}
    assert not world.reader().versions(ref).stale
    assert world.image(ref).next_refresh_at > START + timedelta(minutes=50)  # type: ignore[operator]


def _work(world: World) -> None:
    world.work()
