"""``contracts.subscriber``: what it delivers, in which order, and how often."""

from typing import Any

import pytest

from contracts.events import PLUGIN_CHANGED, STREAM
from contracts.subscriber import Event, Gap, Subscriber, UnreadableEvent, read_event
from tests.contracts.subscribers import Consumer, publish
from tests.support.any_redis import REAL, AnyRedis


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def redis(any_redis: AnyRedis, request: pytest.FixtureRequest) -> Any:
    return any_redis.client(protocol=request.param)


# A fake counts no commands.
@pytest.mark.parametrize("any_redis", REAL, indirect=True)
def test_what_others_have_is_asked_once_a_poll(redis: Any) -> None:
    publish(redis, 1)
    given = Consumer(redis, "given")
    given.fail_at = {("d/a", 1)}
    given.subscriber.join()
    with pytest.raises(ZeroDivisionError):
        given.subscriber.poll()
    waiting = Consumer(redis, "waiting", idle_s=3600.0)
    for consumer in (waiting, Consumer(redis, "idle", "another group")):
        consumer.subscriber.join()
        redis.config_resetstat()
        consumer.subscriber.poll()
        assert redis.info("commandstats")["cmdstat_xpending"]["calls"] == 1
    assert waiting.seen == []


def test_every_event_in_order_and_none_twice(redis: Any) -> None:
    for revision in (1, 2, 3):
        publish(redis, revision)
        publish(redis, revision, "d/b")

    consumer = Consumer(redis, count=2)

    assert consumer.drain() == [(s, r) for r in (1, 2, 3) for s in ("d/a", "d/b")]
    assert consumer.subscriber.poll() == 0
    assert redis.xpending(STREAM, "billing")["pending"] == 0
    assert consumer.gaps == []


def test_each_group_gets_every_event(redis: Any) -> None:
    publish(redis, 1)
    assert Consumer(redis, group="one").drain() == [("d/a", 1)]
    assert Consumer(redis, group="two").drain() == [("d/a", 1)]


def test_where_a_new_group_starts(redis: Any) -> None:
    publish(redis, 1)
    known = publish(redis, 2).decode()
    from_now = Consumer(redis, group="now", start="now")
    from_there = Consumer(redis, group="there", start=known)
    assert from_now.drain() == []
    publish(redis, 3)

    assert from_now.drain() == [("d/a", 3)]
    assert from_there.drain() == [("d/a", 3)]
    assert Consumer(redis, group="beginning").drain() == [("d/a", 1), ("d/a", 2), ("d/a", 3)]


def test_a_restarted_subscriber_goes_on_where_it_was(redis: Any) -> None:
    publish(redis, 1)
    assert Consumer(redis, start="now").drain() == []
    publish(redis, 2)
    assert Consumer(redis, start="now").drain() == [("d/a", 2)]
    publish(redis, 3)

    assert Consumer(redis, start="now").drain() == [("d/a", 3)]


def test_what_the_handler_failed_at_comes_again_before_anything_newer(redis: Any) -> None:
    for revision in (1, 2, 3):
        publish(redis, revision)
    consumer = Consumer(redis)
    consumer.fail_at = {("d/a", 2)}
    consumer.subscriber.join()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            consumer.subscriber.poll()
    assert consumer.seen == [("d/a", 1)]

    publish(redis, 4)
    consumer.fail_at = set()
    assert consumer.drain() == [("d/a", n) for n in (1, 2, 3, 4)]
    assert consumer.gaps == []


def test_a_crash_between_the_handler_and_the_acknowledgement_is_no_second_time(redis: Any) -> None:
    publish(redis, 1)
    consumer = Consumer(redis)
    consumer.subscriber.join()
    redis.xreadgroup("billing", "a", {STREAM: ">"})
    redis.hset(f"{STREAM}:seen:billing", f"{PLUGIN_CHANGED}|d/a", 1)

    assert consumer.drain() == []
    assert redis.xpending(STREAM, "billing")["pending"] == 0


def test_what_a_dead_consumer_left_is_taken_over_before_anything_newer(redis: Any) -> None:
    for revision in range(1, 8):
        publish(redis, revision)
    Consumer(redis).subscriber.join()
    redis.xreadgroup("billing", "dead", {STREAM: ">"}, count=5)

    heir = Consumer(redis, "heir", count=2)

    assert heir.drain() == [("d/a", n) for n in range(1, 8)]
    assert heir.gaps == []


def test_what_another_consumer_has_in_its_hands_is_left_to_it_and_not_overtaken(redis: Any) -> None:
    publish(redis, 1)
    Consumer(redis).subscriber.join()
    redis.xreadgroup("billing", "busy", {STREAM: ">"})
    publish(redis, 2)
    other = Consumer(redis, "other", idle_s=60)
    assert other.drain() == []

    redis.xack(STREAM, "billing", redis.xrange(STREAM)[0][0])
    assert other.drain() == [("d/a", 2)]


def test_more_left_behind_than_one_read_holds_keeps_its_order(redis: Any) -> None:
    for revision in range(1, 10):
        publish(redis, revision)
    Consumer(redis).subscriber.join()
    redis.xreadgroup("billing", "dead", {STREAM: ">"}, count=4)
    consumer = Consumer(redis, "heir", count=2)
    consumer.fail_at = {("d/a", 3)}
    with pytest.raises(ZeroDivisionError):
        consumer.subscriber.poll()
    redis.xreadgroup("billing", "heir", {STREAM: ">"}, count=5)  # as a process that died after its read
    consumer.fail_at = set()

    assert consumer.drain() == [("d/a", n) for n in range(1, 10)]


def test_a_gap_is_told_before_the_event_behind_it(redis: Any) -> None:
    publish(redis, 1)
    publish(redis, 4, gap="true")
    told: list[object] = []
    subscriber = Subscriber(redis, "billing", "a", told.append, on_gap=told.append)
    subscriber.join()

    assert subscriber.poll() == 2
    assert told[1] == Gap(PLUGIN_CHANGED, "d/a", 1, 4)
    last = told[2]
    assert isinstance(last, Event)
    assert (last.revision, last.gap, last.data["revision"]) == (4, True, 4)


def test_a_subject_that_is_met_in_the_middle_is_no_gap(redis: Any) -> None:
    publish(redis, 7)
    consumer = Consumer(redis)
    assert consumer.drain() == [("d/a", 7)]
    assert consumer.gaps == []


def test_an_event_that_is_on_the_stream_twice_is_handled_once(redis: Any) -> None:
    for revision in (1, 2, 1, 2, 3):
        publish(redis, revision)
    consumer = Consumer(redis)
    assert consumer.drain() == [("d/a", 1), ("d/a", 2), ("d/a", 3)]
    assert consumer.gaps == []


def test_a_group_that_was_lost_is_made_again_and_goes_on(redis: Any) -> None:
    publish(redis, 1)
    consumer = Consumer(redis, start="now")
    consumer.drain()
    publish(redis, 2)
    consumer.drain()
    redis.xgroup_destroy(STREAM, "billing")
    publish(redis, 3)  # while there is no group

    assert consumer.drain() == [("d/a", 2), ("d/a", 3)]
    assert consumer.gaps == []


def test_what_was_trimmed_while_it_waited_is_acknowledged(redis: Any) -> None:
    publish(redis, 1)
    Consumer(redis).subscriber.join()
    redis.xreadgroup("billing", "a", {STREAM: ">"})
    redis.xreadgroup("billing", "dead", {STREAM: ">"})
    redis.xtrim(STREAM, maxlen=0, approximate=False)
    publish(redis, 2)

    assert Consumer(redis).drain() == [("d/a", 2)]
    assert redis.xpending(STREAM, "billing")["pending"] == 0


def test_what_is_no_event_is_told_or_raised(redis: Any) -> None:
    redis.xadd(STREAM, {"hello": b"\xff"})
    publish(redis, 1)
    strict = Consumer(redis, group="strict")
    strict.subscriber.join()
    with pytest.raises(UnreadableEvent):
        strict.subscriber.poll()

    told: list[str] = []
    lenient = Consumer(redis, group="lenient", on_unreadable=lambda entry, fields: told.append(entry))
    assert lenient.drain() == [("d/a", 1)]
    assert len(told) == 1
    assert redis.xpending(STREAM, "lenient")["pending"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": "{}"},
        {"data": "{", "sequence": "1", "type": "t", "subject": "s"},
        {"data": "[]", "sequence": "1", "type": "t", "subject": "s"},
        {"data": "{}", "sequence": "0", "type": "t", "subject": "s"},
        {"data": "{}", "sequence": "x", "type": "t", "subject": "s"},
        {"data": "{}", "sequence": "1", "type": "", "subject": "s"},
        {"data": "{}", "sequence": "1", "type": "t"},
    ],
)
def test_shapes_that_are_no_event(fields: dict[str, str]) -> None:
    with pytest.raises(UnreadableEvent, match="7-0"):
        read_event("7-0", fields)


def test_it_runs_until_it_is_told_to_stop(redis: Any) -> None:
    publish(redis, 1)
    consumer = Consumer(redis)
    consumer.subscriber.run(stop=lambda: bool(consumer.seen), block_s=0.05)
    assert consumer.seen == [("d/a", 1)]


def test_a_text_client_works_too(any_redis: AnyRedis) -> None:
    client: Any = any_redis.client(decode_responses=True)
    publish(client, 1)
    client.xgroup_create(STREAM, "billing", id="0")
    client.xreadgroup("billing", "dead", {STREAM: ">"})
    publish(client, 2)
    assert Consumer(client).drain() == [("d/a", 1), ("d/a", 2)]
