"""A Redis of the commands, and the lease of a queue in it."""

from collections.abc import Iterator
from typing import Any

import pytest

from contracts._redis.connect import open_redis


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with open_redis(redis_url) as made:
        yield made


def lease(client: Any, queue: str, seconds: float) -> None:
    """Write a lease of ``queue`` that ends in so many seconds."""
    now, micros = client.time()
    until = now * 1000 + micros // 1000 + int(seconds * 1000)
    client.hset(f"{queue}:lease", mapping={"owner": "host:1:abc", "epoch": 7, "until": until})
