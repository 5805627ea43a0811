"""Services on real servers, without a worker around them."""

from collections.abc import Callable, Iterator

import pytest
import redis

from tests.support.stream import Stream
from worker.services import Services
from worker.settings import Settings


@pytest.fixture
def services(redis_url: str, mongodb_url: str) -> Iterator[Services]:
    made = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
    yield made
    made.close()


@pytest.fixture
def another(redis_url: str, mongodb_url: str) -> Iterator[Callable[[], Services]]:
    """Makes the services of another process on the same servers."""
    made: list[Services] = []

    def make() -> Services:
        made.append(Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def stream(redis_url: str) -> Iterator[Stream]:
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    yield Stream(client)
    client.close()
