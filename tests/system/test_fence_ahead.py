"""A document whose fence came from a clock that ran ahead, or from a lease that somebody forged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import MongoReplicaSet, start_redis
from tests.system import pause_stories
from tests.system.stand import QUEUE, Stand, registration, standing

FORGED_EPOCHS = ["nan", "1e20", "inf", "-5", "1.5", "text", "", str(2**62), str(2**63 - 10), str(2**64)]


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
    in_an_hour = int(stand.redis.time()[0]) * 1000 + 3_600_000
    _set_fence(stand, "d/jira", in_an_hour)

    stand.send("2", "disable", domain_id="d", plugin_id="jira")

    stand.answered("2")
    stand.inspect().assert_clean()
    assert _fence(stand, "d/jira") == in_an_hour + 1


@pytest.fixture
def plain_stand(mongodb_server: MongoReplicaSet, tmp_path: Path) -> Iterator[Stand]:
    redis = start_redis(tmp_path / "redis")
    with standing(redis.url, mongodb_server.url(f"forged_{redis.port}"), tmp_path) as stand:
        yield stand
    redis.stop()


def test_forged_epochs_end_no_worker_and_no_fencing(plain_stand: Stand) -> None:
    stand = plain_stand
    stand.ready(1)
    stand.send("0", "register", **registration("d", "jira"))
    stand.answered("0")
    (worker,) = stand.workers
    for number, forged in enumerate(FORGED_EPOCHS, 1):
        stand.redis.hset(f"{QUEUE}:lease", "epoch", forged)
        stand.send(f"{number}", "update", domain_id="d", plugin_id="jira", tags={"n": number})
        stand.answered(f"{number}")
        assert _is_now(stand, _fence(stand, "d/jira")), forged
    assert worker.running and worker.output().count("is begun anew") >= len(FORGED_EPOCHS)

    worker.kill()
    stand.redis.hset(f"{QUEUE}:lease", mapping={"epoch": "nan", "until": "nan"})
    stand.ready(1)
    stand.send("last", "disable", domain_id="d", plugin_id="jira")
    stand.answered("last")
    assert _is_now(stand, _fence(stand, "d/jira"))
    stand.inspect().assert_clean()


def test_a_fence_of_a_forged_epoch_keeps_nobody_out_and_goes_with_the_next_write(plain_stand: Stand) -> None:
    """Workers of before wrote such epochs into MongoDB."""
    stand = plain_stand
    stand.ready(1)
    for domain in ("d", "e", "f"):
        stand.send(f"{domain}-1", "register", **registration(domain, "jira"))
        stand.answered(f"{domain}-1")
    for domain, fence in (("d", 2**62), ("e", 2**63 - 1024)):
        _set_fence(stand, f"{domain}/jira", fence)

    with stand.together():
        for domain in ("d", "e", "f"):
            for number in range(2, 80):
                stand.send(
                    f"{domain}-{number}", "update", domain_id=domain, plugin_id="jira", tags={"n": number}
                )
    stand.answered("d-79", "e-79", "f-79")

    assert all(_is_now(stand, _fence(stand, f"{domain}/jira")) for domain in ("d", "e", "f"))
    assert _is_now(stand, int(stand.redis.hget(f"{QUEUE}:lease", "epoch") or 0))
    stand.inspect().assert_clean()


@pytest.mark.parametrize("point", ["before_read", "after_decide", "before_write", "after_write"])
def test_an_owner_that_stood_still_over_such_a_fence_does_no_harm(plain_stand: Stand, point: str) -> None:
    pause_stories.many_commands_later(plain_stand, f"forged-{point}", point, fence=2**62)

    plain_stand.inspect().assert_clean()


def _set_fence(stand: Stand, key: str, fence: int) -> None:
    stand.database["plugins"].update_one({"_id": key}, {"$set": {"fence": fence}})


def _fence(stand: Stand, key: str) -> int:
    return int(stand.database["plugins"].find_one({"_id": key})["fence"])  # type: ignore[index]  # it is stored


def _is_now(stand: Stand, epoch: int) -> bool:
    return abs(epoch / 1000 - stand.redis.time()[0]) < 120
