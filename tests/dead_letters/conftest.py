"""Services with a fake and a real Redis, and a real MongoDB, without a worker around them."""

from collections.abc import Iterator

import pytest

from tests.support.any_redis import AnyRedis, any_redis
from worker.services import Services
from worker.settings import Settings

__all__ = ["any_redis"]


@pytest.fixture
def services(any_redis: AnyRedis, mongodb_url: str) -> Iterator[Services]:
    made = Services(Settings(redis_url="redis://in-place-of-this", mongodb_url=mongodb_url))
    made.broker = any_redis.client()
    made.redis = any_redis.client()
    yield made
    made.close()
