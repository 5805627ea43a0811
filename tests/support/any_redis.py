"""A Redis for behaviour suites: each test runs with a fake in this process, and with a real server."""

from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import pytest
import redis

REAL = [pytest.param("real", marks=pytest.mark.process)]
FAKE = ["fake"]


class AnyRedis:
    """One empty Redis; ``client`` makes clients of it, with redis-py's options.

    ``is_fake``: it has no INFO, CONFIG, replicas, or TCP port.
    """

    def __init__(self, connect: Callable[..., Any], *, is_fake: bool) -> None:
        self._connect = connect
        self._clients: list[redis.Redis] = []
        self.is_fake = is_fake

    def client(self, **options: Any) -> redis.Redis:
        """Return a new client, which is closed with the test."""
        made: redis.Redis = self._connect(**options)
        self._clients.append(made)
        return made

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture(params=[*FAKE, *REAL])
def any_redis(request: pytest.FixtureRequest) -> Iterator[AnyRedis]:
    """An empty Redis: a fake, then a real one."""
    if request.param == "fake":
        server = fakeredis.FakeServer(version=(7, 2))
        made = AnyRedis(lambda **options: fakeredis.FakeRedis(server=server, **options), is_fake=True)
    else:
        url = request.getfixturevalue("redis_url")
        made = AnyRedis(lambda **options: redis.Redis.from_url(url, **options), is_fake=False)
    yield made
    made.close()
