"""A worker that stands still at a point for longer than its lease, and goes on after others have worked."""

from collections.abc import Iterator

import pytest

from tests.support.servers import MongoReplicaSet, start_redis
from tests.system import pause_stories
from tests.system.stand import Stand, standing


@pytest.fixture(scope="module")
def stand(mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One deployment for all pauses: who woke up is the owner of the next."""
    folder = tmp_path_factory.mktemp("pause-points")
    redis = start_redis(folder / "redis", appendfsync=None)
    with standing(redis.url, mongodb_server.url(f"pause_{redis.port}"), folder) as stand:
        yield stand
    redis.stop()


@pytest.mark.parametrize(
    "point", ["before_read", "after_decide", "before_write", "before_publish", "before_reply", "before_ack"]
)
def test_an_owner_that_stood_still_does_no_harm(stand: Stand, point: str) -> None:
    """Meanwhile the standby applies more commands of the same plugin than are remembered."""
    pause_stories.many_commands_later(stand, f"many-{point}", point)

    stand.inspect().assert_clean()


def test_a_batch_that_stood_still_does_no_harm(stand: Stand) -> None:
    pause_stories.batch_decided_again(stand, "batch")

    stand.inspect().assert_clean()


def test_a_command_that_was_answered_no_is_not_applied_by_its_first_owner(stand: Stand) -> None:
    pause_stories.refused_meanwhile(stand, "refused")

    stand.inspect().assert_clean()


def test_a_former_owner_settles_nothing_of_the_present_one(stand: Stand) -> None:
    pause_stories.former_owner_settles(stand, "settles")

    stand.inspect().assert_clean()
