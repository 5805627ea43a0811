"""Large answers: kept for a short time, within a budget, one at a time; and what is in their place is not read."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from tests.support.servers import redis_by_age, start_redis, wait_until
from worker.devtools.embedded.redis import RedisServer
from worker.tasks import answer_store
from worker.tasks.answer_store import (
    COUNTED_ANSWERS,
    DEFAULT_MAX_BYTES,
    KEPT_S,
    LARGE_KEPT_S,
    AnswerStore,
    AnswersUnavailable,
)
from worker.tasks.answers import LARGE_BYTES, Answer

pytestmark = pytest.mark.process

MB = 1_000_000


@pytest.fixture(scope="module", params=[0, -1], ids=["oldest", "newest"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    binary = redis_by_age()[request.param]
    made = start_redis(tmp_path_factory.mktemp("answers"), appendfsync=None, maxmemory="0", binary=binary)
    yield made
    made.stop()


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Any]:
    with Redis.from_url(server.url, decode_responses=True) as client:
        client.flushall()
        client.config_set("maxmemory", 0)
        yield client


def large(answer_id: str, size: int = MB) -> Answer:
    return Answer.success(answer_id, json.dumps("x" * size))


def key(answer_id: str) -> str:
    return f"celery-task-meta-{answer_id}"


def kept(redis: Any) -> list[str]:
    """The ids whose answers are there."""
    return sorted(found.removeprefix("celery-task-meta-") for found in redis.keys("celery-task-meta-*"))


def total(redis: Any) -> int:
    """What the ledger says that all take."""
    return -int(redis.zscore(COUNTED_ANSWERS, "total") or 0)


def test_a_large_answer_is_kept_for_two_minutes_and_a_small_one_for_an_hour(redis: Any) -> None:
    AnswerStore(redis).store(large("large"))
    AnswerStore(redis).store(Answer.success("small", "1"))
    assert LARGE_KEPT_S - 5 < redis.ttl(key("large")) <= LARGE_KEPT_S == 120
    assert KEPT_S - 5 < redis.ttl(key("small")) <= KEPT_S == 3600
    assert 0 < redis.ttl(COUNTED_ANSWERS) <= KEPT_S


@pytest.mark.parametrize(
    ("text", "is_large"),
    [("x" * LARGE_BYTES, True), ("x" * 60_000, False), ("é" * 40_000, True), ("é" * 30_000, False)],
)
def test_bytes_count_not_characters(text: str, is_large: bool) -> None:
    assert Answer.success("c-1", json.dumps(text, ensure_ascii=False)).is_large is is_large


def test_answers_above_4_kib_stay_within_the_budget_too(redis: Any) -> None:
    """Sent in one round trip: a small change of a plugin of 60 KB is answered with all of it."""
    store = AnswerStore(redis, MB)
    for at in range(0, 200, 50):
        store.store_all([large(f"c-{number:03}", 60_000) for number in range(at, at + 50)])
    assert kept(redis) == [f"c-{number:03}" for number in range(184, 200)]
    assert KEPT_S - 5 < redis.ttl(key("c-199")) <= KEPT_S
    store.store_all([large(f"s-{number}", 3000) for number in range(50)])
    assert len(kept(redis)) == 66


def test_what_is_stored_alone_is_above_512_kib(redis: Any) -> None:
    store, together = (
        AnswerStore(redis),
        [large("c-1", 100_000), large("c-2", 500_000), large("c-3", 600_000)],
    )
    with redis.pipeline(transaction=False) as pipe:
        calls = store.queue(pipe, together)
        store.collect(calls, pipe.execute(raise_on_error=False))
    assert kept(redis) == ["c-1", "c-2"]
    store.store_alone(together)
    assert kept(redis) == ["c-1", "c-2", "c-3"]


def test_one_round_trip_has_at_most_16_mib_of_them(redis: Any) -> None:
    """A group may have 256 answers of 512 KiB."""
    store, answers = AnswerStore(redis), [large(f"c-{number:02}", 500_000) for number in range(36)]
    with redis.pipeline(transaction=False) as pipe:
        calls = store.queue(pipe, [*answers, Answer.success("small", "1")])
        store.collect(calls, pipe.execute(raise_on_error=False))
    assert kept(redis) == [f"c-{number:02}" for number in range(33)] + ["small"]
    store.store_alone(answers)
    assert kept(redis) == [f"c-{number:02}" for number in range(36)] + ["small"]


def test_who_waits_is_told_the_whole_of_it(redis: Any) -> None:
    """Celery's consumer takes the answer from what is published: it does not read the key again."""
    answer = large("c-1")
    with redis.pubsub() as waiting:
        waiting.subscribe(key("c-1"))
        waiting.get_message(timeout=60)
        AnswerStore(redis).store(answer)
        message = waiting.get_message(timeout=60)
    assert message and message["data"] == redis.get(key("c-1")) == answer.body


def test_the_oldest_go_until_there_is_room(redis: Any) -> None:
    store = AnswerStore(redis, 3_500_000)
    for number in range(5):
        store.store(large(f"c-{number}"))
    assert kept(redis) == ["c-2", "c-3", "c-4"]
    store.store(large("c-5", 2 * MB))
    assert kept(redis) == ["c-4", "c-5"]
    assert total(redis) == sum(redis.strlen(key(name)) for name in kept(redis))
    assert redis.zcard(COUNTED_ANSWERS) == 3


def test_one_that_is_larger_than_the_budget_is_stored_alone(redis: Any) -> None:
    store = AnswerStore(redis, 1)
    store.store(large("c-1"))
    store.store(large("c-2"))
    assert kept(redis) == ["c-2"]


def test_what_was_read_makes_room_before_what_was_not(redis: Any) -> None:
    store = AnswerStore(redis, 3_500_000)
    for name in ("unread", "read-1", "read-2"):
        store.store(large(name))
    redis.delete(key("read-1"), key("read-2"))
    for name in ("c-1", "c-2"):
        store.store(large(name))
    assert kept(redis) == ["c-1", "c-2", "unread"]


def test_what_has_expired_is_forgotten(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = AnswerStore(redis, 10 * MB)
    monkeypatch.setattr(answer_store, "LARGE_KEPT_S", 1)
    store.store(large("old"))
    monkeypatch.undo()
    wait_until(lambda: not redis.exists(key("old")), what="its end")
    redis.persist(COUNTED_ANSWERS)
    store.store(large("new"))
    assert total(redis) == redis.strlen(key("new"))


def test_stored_again_it_counts_once(redis: Any) -> None:
    store, answer = AnswerStore(redis, 10 * MB), large("c-1")
    store.store(answer)
    store.store(answer)
    assert (redis.zcard(COUNTED_ANSWERS), total(redis)) == (2, len(answer.body))


def test_an_older_answer_under_its_id_is_not_dropped_in_its_place(redis: Any) -> None:
    store = AnswerStore(redis, 2_500_000)
    store.store(large("c-1", 900_000))
    store.store(large("c-1"))
    store.store(large("c-2"))
    assert kept(redis) == ["c-1", "c-2"]


@pytest.mark.parametrize(("maxmemory", "budget"), [(80 * MB, 10 * MB), (0, DEFAULT_MAX_BYTES)])
def test_without_a_setting_it_is_an_eighth_of_maxmemory(redis: Any, maxmemory: int, budget: int) -> None:
    redis.config_set("maxmemory", maxmemory)
    redis.zadd(COUNTED_ANSWERS, {f"{budget - 2 * MB}:{key('big')}": 2**52, "total": 2 * MB - budget})
    redis.set(key("big"), "y")
    redis.setrange(key("big"), 0, "y")
    # Its place is taken by what has another size, so it is dropped as soon as room is looked for.
    AnswerStore(redis).store(large("fits", MB))
    assert redis.zcard(COUNTED_ANSWERS) == 3
    AnswerStore(redis).store(large("no-room", MB))
    assert redis.zcard(COUNTED_ANSWERS) == 3
    assert total(redis) < 3 * MB


def test_a_maxmemory_that_stops_writes_drops_nothing(redis: Any) -> None:
    store = AnswerStore(redis)
    store.store(large("c-1"))
    redis.config_set("maxmemory", 1)
    with pytest.raises(AnswersUnavailable):
        store.store(large("c-2"))
    redis.config_set("maxmemory", 0)
    assert kept(redis) == ["c-1"]


def test_where_info_is_denied_it_is_the_default(redis: Any, server: RedisServer) -> None:
    redis.config_set("maxmemory", 80 * MB)
    redis.execute_command("ACL", "SETUSER", "narrow", "reset", "on", "nopass", "~*", "&*", "+@all", "-info")
    try:
        with Redis.from_url(server.url, username="narrow", password="x") as narrow:
            for number in range(12):
                AnswerStore(narrow).store(large(f"c-{number}"))
    finally:
        redis.acl_deluser("narrow")
    assert len(kept(redis)) == 12


POISON: dict[str, Callable[[Any, str], Any]] = {
    "no JSON": lambda redis, name: redis.set(name, "}{"),
    "zlib": lambda redis, name: redis.set(name, b"x\x9c" + bytes(1000)),
    "a success": lambda redis, name: redis.set(name, Answer.success("x", '"theirs"').body),
    "a list": lambda redis, name: redis.rpush(name, "x"),
    "a hash": lambda redis, name: redis.hset(name, "a", "b"),
}


@pytest.mark.parametrize("name", POISON)
@pytest.mark.parametrize("size", [1, MB])
def test_what_stands_in_its_place_is_overwritten(redis: Any, name: str, size: int) -> None:
    POISON[name](redis, key("c-1"))
    answer = large("c-1", size)
    AnswerStore(redis).store_all([answer])
    assert redis.get(key("c-1")) == answer.body


@pytest.mark.parametrize("name", POISON)
def test_what_stands_in_the_place_of_the_ledger_is_removed(redis: Any, name: str) -> None:
    POISON[name](redis, COUNTED_ANSWERS)
    AnswerStore(redis).store(large("c-1"))
    assert (kept(redis), redis.zcard(COUNTED_ANSWERS)) == (["c-1"], 2)


def test_entries_that_nobody_could_write_do_no_harm(redis: Any) -> None:
    odd = {
        "": 9e15,
        "x": 9e15,
        ":": 9e15,
        "7:": 9e15,
        "9" * 400 + ":a": 9e15,
        f"1:{COUNTED_ANSWERS}": 9e15,
        "total": 1,
    }
    redis.zadd(COUNTED_ANSWERS, odd)
    store = AnswerStore(redis, 1_500_000)
    for number in range(3):
        store.store(large(f"c-{number}"))
    assert kept(redis) == ["c-2"]


def test_a_full_redis_takes_none_and_has_it_as_soon_as_there_is_room(redis: Any) -> None:
    store = AnswerStore(redis, 100 * MB)
    redis.config_set("maxmemory", redis.info("memory")["used_memory"])
    with pytest.raises(AnswersUnavailable):
        store.store(large("c-1"))
    redis.config_set("maxmemory", 0)
    store.store(large("c-9"))
    assert "c-9" in kept(redis)


def test_a_full_redis_takes_one_in_the_place_of_others(redis: Any) -> None:
    """What goes makes room first: with its budget used up, a Redis that is full goes on answering."""
    store = AnswerStore(redis, 3_500_000)
    for number in range(3):
        store.store(large(f"c-{number}"))
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] - 1)
    store.store(large("c-3"))
    assert kept(redis) == ["c-1", "c-2", "c-3"]


def test_of_one_process_they_are_stored_one_at_a_time(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each needs three times its size of Redis for a moment."""
    running, most, lock = 0, 0, threading.Lock()
    shipped: Any = Redis.execute_command

    def count(self: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return shipped(self, *arguments, **options)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(Redis, "execute_command", count)
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(AnswerStore(redis).store, large(f"c-{n}", 4 * MB)) for n in range(16)]:
            done.result(60)
    assert most == 1


def test_one_that_waits_for_others_does_not_hold_up_the_end_of_the_process(
    redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given back, as in an outage."""
    ending = threading.Event()
    ending.set()
    monkeypatch.setattr(answer_store, "stop_requested", ending)
    with answer_store._one_at_a_time:
        with pytest.raises(AnswersUnavailable):
            AnswerStore(redis).store(large("c-1"))
        AnswerStore(redis).store(Answer.success("small", "1"))
    AnswerStore(redis).store(large("c-1"))
    assert kept(redis) == ["c-1", "small"]
