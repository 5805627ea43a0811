"""An outage, the end of the worker, poison or a full Redis in the middle of a group."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.messages import message
from tests.support.servers import (
    ChildProcess,
    MongoReplicaSet,
    RedisServer,
    start_mongod,
    start_redis,
    wait_until,
)
from tests.system.stand import QUEUE, Stand, registration, send_group, standing

JIRA = {"domain_id": "d", "plugin_id": "jira"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MongoReplicaSet]:
    server = start_mongod(tmp_path / "mongodb")
    yield server
    server.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "redis", appendfsync="always")
    yield server
    server.stop()


@contextmanager
def halted(stand: Stand, point: str, nth: int = 1) -> Iterator[tuple[ChildProcess, list[str]]]:
    """The one worker, which stands still with a group in hand, and goes on behind; and what was sent."""
    stand.ready(1)
    stand.arm(point, nth, action="stop")
    sent = send_group(stand, "d")
    worker = stand.fired()
    yield worker, sent
    worker.resume()


@pytest.mark.parametrize(
    ("point", "without"), [("before_read", ""), ("before_write", ""), ("after_second_read", "miss")]
)
def test_mongodb_goes_in_the_middle_of_a_group_and_comes_back(
    broker: RedisServer, store: MongoReplicaSet, tmp_path: Path, point: str, without: str
) -> None:
    with standing(broker.url, store.url("plugins"), tmp_path, without) as stand:
        with halted(stand, point) as (worker, sent):
            store.kill()
        wait_until(lambda: "waits: " in worker.output(), 60, "the wait")
        assert stand.redis.hlen(f"{QUEUE}:unacked") == len(sent)
        store.start()
        store.wait_for_primary()
        stand.answered(*sent)
        stand.inspect().assert_clean()
        assert worker.running


@pytest.mark.parametrize("point", ["after_pop", "before_write", "before_publish", "after_publish"])
def test_redis_goes_in_the_middle_of_a_group_and_comes_back(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path, point: str
) -> None:
    with standing(broker.url, mongodb_server.url(f"outage_{broker.port}"), tmp_path) as stand:
        with halted(stand, point) as (worker, sent):
            broker.kill()
        wait_until(lambda: "waits: " in worker.output(), 60, "the wait")
        broker.start()
        stand.answered(*sent)
        stand.inspect().assert_clean()
        assert worker.running


@pytest.mark.parametrize("point", ["before_settle", "between_settle_and_pop"])
def test_redis_goes_before_a_group_is_settled_and_comes_back(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path, point: str
) -> None:
    """Nothing is applied or answered again, whatever was sent meanwhile."""
    with standing(broker.url, mongodb_server.url(f"outage_{broker.port}"), tmp_path) as stand:
        with halted(stand, point) as (worker, sent):
            broker.kill()
        wait_until(lambda: "no connection to" in worker.output(), 60, "the reconnect")
        broker.start()
        stand.send("later", "register", **registration("later", "jira"))
        stand.answered(*sent, "later")
        stand.inspect().assert_clean()
        assert worker.running


def test_a_redis_that_is_full_holds_a_group_up(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    """What was not told is not settled, although the pipeline went on behind it."""
    with standing(broker.url, mongodb_server.url(f"full_{broker.port}"), tmp_path) as stand:
        worker, sent = _fill_redis(stand)
        wait_until(lambda: "waits: " in worker.output(), 60, "the wait")
        assert stand.redis.hlen(f"{QUEUE}:unacked") == len(sent)
        stand.redis.config_set("maxmemory", 0)
        stand.answered(*sent)
        stand.inspect().assert_clean()


def test_without_a_look_at_the_replies_a_full_redis_costs_answers(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    """The counterpart."""
    with standing(broker.url, mongodb_server.url(f"full_{broker.port}"), tmp_path, "replies") as stand:
        _fill_redis(stand)
        wait_until(lambda: not stand.redis.exists(f"{QUEUE}:unacked"), 60, "the settlement")
        stand.redis.config_set("maxmemory", 0)
        assert stand.inspect(within_s=3).problems["answer"]


def _fill_redis(stand: Stand) -> tuple[ChildProcess, list[str]]:
    with halted(stand, "before_publish") as (worker, sent):
        stand.redis.config_set("maxmemory", 1)
    return worker, sent


# The end of the worker


@pytest.mark.parametrize(
    ("point", "nth"), [("after_decide", 9), ("before_write", 1), ("after_publish", 1), ("before_ack", 5)]
)
def test_a_worker_that_is_told_to_end_finishes_its_group(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path, point: str, nth: int
) -> None:
    with standing(broker.url, mongodb_server.url(f"end_{broker.port}"), tmp_path) as stand:
        with halted(stand, point, nth) as (worker, sent):
            stand.send("later", "register", **registration("later", "jira"))
            worker.terminate()
        assert worker.wait() == 0
        stand.answered(*sent)
        assert not stand.redis.exists(f"{QUEUE}:unacked", f"{QUEUE}:returned")
        # What came behind is left, unless it was taken before the signal arrived: then it is answered.
        assert stand.redis.llen(QUEUE) + int(stand.redis.exists("celery-task-meta-later")) == 1
        assert not stand.redis.hexists(f"{QUEUE}:lease", "owner")
        stand.ready(1)
        stand.answered("later")
        stand.inspect().assert_clean()


@pytest.mark.parametrize(("point", "nth"), [("before_write", 1), ("before_settle", 1), ("after_write", 2)])
def test_a_worker_that_is_told_to_end_gives_the_rest_of_a_long_group_back(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path, point: str, nth: int
) -> None:
    """What needs a settlement before is left to the next owner, in order and with no death counted."""
    with standing(broker.url, mongodb_server.url(f"end_{broker.port}"), tmp_path) as stand:
        _end_amid_200(stand, point, nth)
        left = stand.redis.llen(QUEUE)
        assert left in (51, 101, 151)
        assert not stand.redis.exists(f"{QUEUE}:unacked")
        assert {*stand.redis.hvals(f"{QUEUE}:returned")} == {b"0"}
        stand.ready(1)
        stand.answered("200", "later")
        stand.inspect().assert_clean()


def test_without_giving_back_the_rest_of_a_long_group_is_lost(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    """The counterpart."""
    with standing(broker.url, mongodb_server.url(f"end_{broker.port}"), tmp_path, "giving_back") as stand:
        _end_amid_200(stand, "before_write", 1)
        stand.ready(1)
        stand.answered("later")
        assert {"lost", "answer"} <= {kind for kind, texts in stand.inspect(3).problems.items() if texts}


def _end_amid_200(stand: Stand, point: str, nth: int) -> None:
    stand.ready(1)
    stand.send("0", "register", **registration("d", "jira"))
    stand.answered("0")
    stand.settle()
    stand.arm(point, nth, action="stop")
    with stand.together():
        for number in range(1, 201):
            stand.send(str(number), "update", **JIRA, tags={"n": number})
    worker = stand.fired()
    stand.send("later", "register", **registration("later", "jira"))
    worker.terminate()
    worker.resume()
    assert worker.wait() == 0


def test_poison_amid_a_group_stops_none_of_it(
    broker: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path
) -> None:
    with standing(broker.url, mongodb_server.url(f"poison_{broker.port}"), tmp_path) as stand:
        stand.ready(1)
        canvas = message("plugin.enable", JIRA, "canvas", QUEUE, eta="2999-01-01T00:00:00+00:00")
        poison = [
            b"not json",
            b"[1]",
            b"\xff\xfe",
            message("plugin.enable", {}, "rot13", QUEUE).replace(b'"base64"', b'"rot13"'),
            message("plugin.nonsense", {}, "unknown", QUEUE),
            b"x" * 600_000,
        ]
        with stand.together():
            for number, raw in enumerate(poison):
                stand.send(str(number), "register", **registration("d", f"p{number}"))
                stand.push_raw(raw)
            stand.push_raw(canvas)
            stand.push("plugin.get", {"domain_id": "d", "plugin_id": "p0"}, "read")
            stand.send("last", "disable", domain_id="d", plugin_id="p0")
        stand.model.answers |= dict.fromkeys(["rot13", "unknown", "canvas", "read"], "INVALID_PARAMETER")
        for raw in (*poison[:3], *poison[4:]):
            stand.model.poison[raw] += 1
        stand.answered("last")
        stand.inspect().assert_clean()
