from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import client, domain
from tests.support.servers import RedisServer, start_redis

__all__ = ["client", "domain", "mortal_redis"]


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, without workers, that it may kill or turn into a replica."""
    server = start_redis(tmp_path / "redis")
    yield server
    server.kill()
