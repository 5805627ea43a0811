"""A Redis, fake and real, with what publishes to it, what is on its stream, and subjects to publish."""

from collections.abc import Iterator

import pytest
import redis

from tests.support.any_redis import AnyRedis, any_redis
from tests.support.marks import kept_mark
from tests.support.stream import Stream
from tests.support.subjects import ChangingSubjects, MemorySubjects, StoredSubjects
from worker.events.mark import Mark
from worker.events.publish import Publisher
from worker.services import Services
from worker.settings import Settings
from worker.store.client import connect_mongodb

__all__ = ["any_redis"]


@pytest.fixture
def client(any_redis: AnyRedis) -> redis.Redis:
    return any_redis.client()


@pytest.fixture
def publisher(client: redis.Redis) -> Publisher:
    return Publisher(client, "/repositories/repo-local", 1_000_000)


@pytest.fixture
def mark(client: redis.Redis) -> Mark:
    """As it is after a comparison."""
    return kept_mark(client)


@pytest.fixture
def stream(any_redis: AnyRedis) -> Stream:
    return Stream(any_redis.client(decode_responses=True))


@pytest.fixture(params=["memory", pytest.param("mongodb", marks=pytest.mark.process)])
def subjects(request: pytest.FixtureRequest) -> Iterator[ChangingSubjects]:
    """Subjects in memory, then in MongoDB."""
    if request.param == "memory":
        yield MemorySubjects()
        return
    database = connect_mongodb(request.getfixturevalue("mongodb_url"))
    yield StoredSubjects(database)
    database.client.close()


@pytest.fixture
def services(redis_url: str, mongodb_url: str) -> Iterator[Services]:
    """Services on real servers, without a worker around them."""
    made = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
    yield made
    made.close()
