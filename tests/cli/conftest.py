from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import client, domain
from tests.support.servers import RedisServer, start_redis

__all__ = ["client", "domain"]


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test alone, to be killed."""
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()
