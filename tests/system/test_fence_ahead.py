"""A document whose fence came from a clock that ran ahead, and a Redis that fails while the epoch is raised."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import MongoReplicaSet, start_redis
from tests.system.stand import Stand, registration, standing


@pytest.fixture
def stand(mongodb_server: MongoReplicaSet, tmp_path: Path) -> Iterator[Stand]:
    """Workers that lose the reply when they first raise an epoch."""
    redis = start_redis(tmp_path / "redis")
    with standing(redis.url, mongodb_server.url(f"fence_{redis.port}"), tmp_path, "reply_of_raise") as stand:
        yield stand
    redis.stop()


def test_the_command_is_applied_when_the_reply_gets_lost(stand: Stand) -> None:
    stand.ready(1)
    stand.send("1", "register", **registration("d", "jira"))
    stand.answered("1")
    stand.database["plugins"].update_one({"_id": "d/jira"}, {"$set": {"fence": 4_000_000_000_000}})

    stand.send("2", "disable", domain_id="d", plugin_id="jira")

    stand.answered("2")
    stand.inspect().assert_clean()
