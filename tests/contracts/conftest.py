from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.any_redis import any_redis
from tests.support.live import client, domain
from tests.support.servers import RedisServer, start_redis

__all__ = ["any_redis", "client", "domain", "mortal_redis"]


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, without workers, that it may kill or turn into a replica."""
    server = start_redis(tmp_path / "redis")
    yield server
    server.kill()
