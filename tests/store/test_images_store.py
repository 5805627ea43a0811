"""The images in a real store: the guarded write, the queue's index, the size of a document."""

import json
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import encode
from pymongo.database import Database

from worker.domain.events import Users
from worker.domain.image import ImageRef, TagList
from worker.domain.image_record import ImageRecord
from worker.domain.refresh import decide_refresh
from worker.domain.schedule import Intervals
from worker.store.client import connect_mongodb
from worker.store.image_documents import new_document
from worker.store.image_indexes import IMAGES, PLUGINS
from worker.store.image_queue import ImageQueue
from worker.store.images import Claim, Images
from worker.store.users import ImageUsers

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
REF = ImageRef("HARBOR", "harbor.example.com", "team/plugin", "robot")


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect_mongodb(mongodb_url)
    with database.client:
        database["images"].create_indexes(IMAGES)
        database["plugins"].create_indexes(PLUGINS)
        yield database


@pytest.fixture
def images(database: Database[dict[str, Any]]) -> Images:
    return Images(database)


@pytest.fixture
def queue(database: Database[dict[str, Any]]) -> ImageQueue:
    return ImageQueue(database)


def claimed(images: Images, queue: ImageQueue, now: datetime = NOW) -> Claim:
    """The image, claimed."""
    queue.claim([REF.key], "token", now)
    claim = images.read_claimed(REF.key, "token")
    assert claim is not None
    return claim


def read(claim: Claim, *tags: str) -> ImageRecord:
    """The image after a reading that changed its list."""
    decision = decide_refresh(claim.image, TagList(tags), NOW, Intervals())
    assert decision.change is not None
    return decision.image.announced(decision.change, Users(), NOW)


def written(images: Images, queue: ImageQueue, *tags: str) -> ImageRecord:
    """The image after a first reading under a claim."""
    images.ensure(REF, NOW)
    claim = claimed(images, queue)
    after = read(claim, *tags)
    assert images.write(claim, after, NOW)
    return after


def test_an_image_comes_back_as_it_was_written(images: Images, queue: ImageQueue) -> None:
    after = written(images, queue, "1.0", "2.0")
    assert images.read(REF) == after
    assert (after.revision, len(after.outbox)) == (1, 1)


def test_a_write_misses_without_the_claim_or_at_another_revision(
    images: Images, queue: ImageQueue, database: Database[dict[str, Any]]
) -> None:
    images.ensure(REF, NOW)
    claim = claimed(images, queue)
    after = read(claim, "1.0")
    database["images"].update_one({"_id": REF.key}, {"$set": {"lease.token": "other"}})
    assert not images.write(claim, after, NOW)
    database["images"].update_one({"_id": REF.key}, {"$set": {"lease.token": "token", "revision": 7}})
    assert not images.write(claim, after, NOW)
    database["images"].update_one({"_id": REF.key}, {"$set": {"revision": 0}})
    assert images.write(claim, after, NOW)
    assert not images.write(claim, after, NOW)


def test_eight_registrations_at_once_follow_an_image_once(images: Images) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(50):
            ref = ImageRef("OCI", "registry.example.com", f"team/plugin-{number}")
            assert sum(pool.map(lambda _, ref=ref: images.ensure(ref, NOW), range(8))) == 1


def test_eight_claims_at_once_have_one_winner(images: Images, queue: ImageQueue) -> None:
    keys = []
    for number in range(50):
        ref = ImageRef("OCI", "registry.example.com", f"team/plugin-{number}")
        images.ensure(ref, NOW)
        keys.append(ref.key)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda n: queue.claim(keys, f"token-{n}", NOW), range(8)))
    assert sorted(key for claim in claims for key in claim) == sorted(keys)


def test_the_largest_list_fits_a_document(images: Images, queue: ImageQueue) -> None:
    tags = tuple(f"{number:0128d}" for number in range(50_000))
    after = written(images, queue, *tags)
    assert len(after.versions) == 50_000
    stored = images.read(REF)
    assert stored is not None
    assert set(stored.versions) == set(tags)
    assert len(encode({"versions": list(tags)})) < 8 * 1024 * 1024


def test_what_is_due_is_found_in_the_index_alone_in_its_order(database: Database[dict[str, Any]]) -> None:
    database["images"].insert_many(
        {
            "_id": f"images/host-{n % 5}/plugin-{n}",
            "host": f"host-{n % 5}",
            "registry_type": "OCI",
            "priority": int(n % 100 == 0),
            "next_refresh_at": NOW + timedelta(seconds=n - 1_000),
        }
        for n in range(2_000)
    )
    due = ImageQueue(database).due("host-0", NOW, 20)
    assert [image.key for image in due[:11]] == [f"images/host-0/plugin-{n}" for n in range(0, 1_001, 100)]
    assert due[11].key == "images/host-0/plugin-5"
    plan = database.command(
        "explain",
        {
            "find": "images",
            "filter": {
                "host": "host-0",
                "priority": {"$in": [1, 0]},
                "next_refresh_at": {"$lte": NOW},
                "lease.until": {"$not": {"$gt": NOW}},
            },
            "sort": {"priority": -1, "next_refresh_at": 1},
            "limit": 20,
        },
        verbosity="executionStats",
    )
    assert plan["executionStats"]["totalDocsExamined"] <= 20
    assert "SORT'" not in str(plan["queryPlanner"]["winningPlan"])


def test_who_uses_an_image_is_found_by_its_index(database: Database[dict[str, Any]]) -> None:
    database["plugins"].insert_many(
        {
            "_id": f"domain-{n}/plugin",
            "scope": f"domain-{n}",
            "plugin": {
                "plugin_id": "plugin",
                "image": "team/plugin" if n % 10 == 0 else f"team/other-{n}",
                "registry_url": "harbor.example.com",
                "registry_config": {"credential": "robot"},
            },
        }
        for n in range(2_000)
    )
    image_users = ImageUsers(database)
    users = image_users.of(REF)
    assert (len(users.plugins), users.count) == (100, 200)
    assert image_users.any(REF)
    assert not image_users.any(ImageRef("HARBOR", "harbor.example.com", "team/plugin"))
    plan = database.command(
        "explain",
        {"find": "plugins", "filter": {"plugin.image": {"$in": ["team/plugin"]}, "scope": {"$gt": ""}}},
        verbosity="executionStats",
    )
    assert plan["executionStats"]["totalDocsExamined"] == 200


def test_a_decision_that_changes_nothing_does_not_write_the_list(images: Images, queue: ImageQueue) -> None:
    before = written(images, queue, "1.0")
    claim = claimed(images, queue, NOW + timedelta(hours=3))
    assert images.write(claim, before, NOW)
    assert images.read(REF) == before


def test_the_largest_lists_are_not_in_memory_together(
    images: Images, database: Database[dict[str, Any]]
) -> None:
    versions = [f"{number:0128d}" for number in range(50_000)]
    document = new_document(REF, NOW, NOW, priority=False) | {"revision": 3, "versions": versions}
    names = [f"images/harbor.example.com/team/{number}" for number in range(12)]
    for name in names:
        database["images"].insert_one({**document, "_id": name})
    tracemalloc.start()
    try:
        subjects = images.load(names, NOW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    told = json.loads(subjects[0].present().data)
    assert (told["total_count"], told["latest"], told["revision"]) == (50_000, versions[0], 3)
    assert len(subjects) == 12
    assert peak < 64 * 1024 * 1024
