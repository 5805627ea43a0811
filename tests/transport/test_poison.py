"""Messages that are parked: for their size, for their deaths, and how they leave Redis."""

import time

import pytest
import redis

from tests.transport.inboxes import (
    QUEUE,
    MakeInbox,
    lose_connection,
    must_pop,
    pop,
    raws,
    take_over,
)
from worker.transport import drain_parked_messages
from worker.transport.parked import ParkedMessage
from worker.transport.protocol import MessageLimits


def test_five_deaths_park(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"deadly", b"good")
    for deaths in range(5):
        victim = make_inbox(renews=False)
        delivery = take_over(victim)
        assert (delivery.raw, delivery.deaths) == (b"deadly", deaths)
        client.hset(f"{QUEUE}:lease", "until", 0)
    heir = make_inbox()
    assert take_over(heir).raw == b"good"
    parked: list[ParkedMessage] = []
    assert drain_parked_messages(client, QUEUE, parked.extend) == 1
    assert (parked[0].raw, parked[0].reason, parked[0].deaths) == (b"deadly", "deaths", 5)
    assert not client.exists(f"{QUEUE}:returned")


def test_a_death_of_what_had_to_wait_clears_the_count(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    for waits, deaths in ((False, 0), (False, 1), (True, 2), (False, 0), (False, 1)):
        victim = make_inbox(renews=False)
        delivery = take_over(victim)
        assert delivery.deaths == deaths
        if waits:
            delivery.waiting()
        client.hset(f"{QUEUE}:lease", "until", 0)
    assert take_over(make_inbox()).deaths == 2
    assert not client.exists(f"{QUEUE}:waiting")


def test_a_wait_that_redis_could_not_be_told_of_is_told_by_the_next_call(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    mend = lose_connection(inbox)
    delivery.waiting()
    mend()
    assert not client.exists(f"{QUEUE}:waiting")
    delivery.waiting()
    assert client.smembers(f"{QUEUE}:waiting") == {delivery.tag.encode()}
    delivery.ack()
    inbox.flush()
    assert not client.exists(f"{QUEUE}:waiting")


def test_oversize_is_parked_without_leaving_redis(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"x" * 101, b"y" * 100)
    inbox = make_inbox(limits=MessageLimits(max_bytes=50, max_bytes_by_task={"batch": 100}))
    assert must_pop(inbox).raw == b"y" * 100
    parked: list[ParkedMessage] = []
    drain_parked_messages(client, QUEUE, parked.extend)
    assert [(entry.reason, entry.raw) for entry in parked] == [("oversize", b"x" * 101)]


def test_a_row_of_poison_does_not_hide_what_is_behind_it(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, *[b"x" * 101] * 40, b"good")
    inbox = make_inbox(limits=MessageLimits(max_bytes=100))
    state = inbox.leases.begin(QUEUE)
    while (group := inbox.exchange(state, 10)) is None:
        assert state.ready(time.monotonic())
    assert raws(group) == [b"good"] and client.llen(f"{QUEUE}:poison") == 40


def test_an_element_of_another_hand_does_not_block_the_drain(client: redis.Redis) -> None:
    client.lpush(f"{QUEUE}:poison", b"what is this", b"a\nb\nc\nd\ne")
    parked: list[ParkedMessage] = []
    assert drain_parked_messages(client, QUEUE, parked.extend) == 2
    assert [entry.raw for entry in parked] == [b"what is this", b"a\nb\nc\nd\ne"]
    assert {entry.reason for entry in parked} == {"foreign_element"}


def test_parked_bytes_are_kept_as_they_were(make_inbox: MakeInbox, client: redis.Redis) -> None:
    raw = bytes(range(256)) + b"\n\n\r\n"
    client.lpush(QUEUE, raw)
    inbox = make_inbox()
    must_pop(inbox).park("because\nof", "two\nlines")
    inbox.flush()
    parked: list[ParkedMessage] = []
    drain_parked_messages(client, QUEUE, parked.extend)
    assert (parked[0].raw, parked[0].reason, parked[0].detail) == (raw, "because of", "two lines")


def test_drain_removes_by_value_and_keeps_what_the_sink_could_not_take(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    must_pop(inbox).park("x")
    must_pop(inbox).park("x")
    inbox.flush()

    def sink_with_rival(parked: object) -> None:
        drain_parked_messages(client, QUEUE, lambda _: None, limit=1)

    # Another process drains the first between our store and our removal: we must not remove the second.
    assert drain_parked_messages(client, QUEUE, sink_with_rival, limit=1) == 1
    assert client.llen(f"{QUEUE}:poison") == 1

    def fail(parked: object) -> None:
        raise OSError("the store is away")

    with pytest.raises(OSError, match="away"):
        drain_parked_messages(client, QUEUE, fail)
    assert client.llen(f"{QUEUE}:poison") == 1


def test_equal_messages_are_parked_each_for_itself(make_inbox: MakeInbox, client: redis.Redis) -> None:
    inbox = make_inbox(limits=MessageLimits(max_bytes=3))
    client.lpush(QUEUE, *[b"garbage"] * 40)
    while client.exists(QUEUE):
        assert pop(inbox) is None
    parked: list[ParkedMessage] = []
    drain_parked_messages(client, QUEUE, parked.extend)
    assert [one.raw for one in parked] == [b"garbage"] * 40
    assert len({one.id for one in parked}) == 40
