"""A Redis that is guarded by the ACLs, for the tests of one file."""

from collections.abc import Iterator

import pytest

from tests.support.guarded import GuardedRedis


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedRedis]:
    server = GuardedRedis(tmp_path_factory.mktemp("guarded") / "redis")
    server.start()
    yield server
    server.kill()
