"""The fixture of the sync tests."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.versions.world import HOST, World
from worker.registries import BudgetTable, Limit
from worker.store.client import connect_mongodb


@pytest.fixture
def world(redis_url: str, mongodb_url: str) -> Iterator[World]:
    """A deployment with one group of hosts that may be asked ten times a second, for two images at once."""
    database = connect_mongodb(mongodb_url)
    with database.client, Redis.from_url(redis_url) as redis:
        yield World(database, redis, BudgetTable({HOST: Limit(10.0, 2)}))
