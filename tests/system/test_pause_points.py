"""A worker that stands still at a point for longer than its lease, and goes on after others have worked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import MongoReplicaSet, start_redis
from tests.system import pause_stories
from tests.system.stand import Stand, standing


def _stand(server: MongoReplicaSet, folder: Path, without: str = "") -> Iterator[Stand]:
    redis = start_redis(folder / "redis", appendfsync=None)
    with standing(redis.url, server.url(f"pause_{redis.port}"), folder, without) as stand:
        yield stand
    redis.stop()


@pytest.fixture(scope="module")
def stand(mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One deployment for all pauses: who woke up is the owner of the next."""
    yield from _stand(mongodb_server, tmp_path_factory.mktemp("pause-points"))


@pytest.fixture
def stand_with_miss(mongodb_server: MongoReplicaSet, tmp_path: Path) -> Iterator[Stand]:
    """A deployment in which the first plugin of a group has changed since it was read."""
    yield from _stand(mongodb_server, tmp_path, "miss")


POINTS = [
    *("before_read", "after_decide", "before_write", "after_write", "before_publish", "after_publish"),
    *("before_reply", "before_ack", "before_settle"),
]


@pytest.mark.parametrize("point", POINTS)
def test_an_owner_that_stood_still_does_no_harm(stand: Stand, point: str) -> None:
    """Meanwhile the standby applies more commands of the same plugin than are remembered."""
    pause_stories.many_commands_later(stand, f"many-{point}", point)

    stand.inspect().assert_clean()


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        *((point, 1) for point in (*POINTS, "after_pop", "amid_publish", "between_settle_and_pop")),
        *(("after_decode", 7), ("after_decide", 9), ("before_ack", 7)),
    ],
)
def test_the_owner_of_a_group_that_stood_still_does_no_harm(stand: Stand, point: str, nth: int) -> None:
    pause_stories.group_later(stand, f"group-{point}-{nth}", point, nth)

    stand.inspect().assert_clean()


@pytest.mark.parametrize(
    ("point", "nth"), [("after_second_read", 1), ("before_write", 2), ("after_write", 2), ("before_ack", 9)]
)
def test_the_owner_of_a_group_with_a_miss_that_stood_still_does_no_harm(
    stand_with_miss: Stand, point: str, nth: int
) -> None:
    pause_stories.group_later(stand_with_miss, f"miss-{point}", point, nth)

    stand_with_miss.inspect().assert_clean()


@pytest.mark.parametrize(
    ("point", "nth"), [("before_write", 2), ("after_write", 3), ("before_settle", 2), ("after_settle", 1)]
)
def test_the_owner_of_200_commands_for_one_plugin_that_stood_still_does_no_harm(
    stand: Stand, point: str, nth: int
) -> None:
    pause_stories.two_hundred_later(stand, f"many-of-one-{point}", point, nth)

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
