"""Pops: a message is on its list or in the unacked record, comes in order, and comes back first."""

import pytest
import redis

from tests.transport.inboxes import (
    QUEUE,
    SHARED,
    MakeInbox,
    lose_reply,
    must_pop,
    must_take,
    pop,
    raws,
    take,
    take_over,
)
from worker.transport.keys import SEPARATOR


def test_a_message_is_on_the_list_or_in_the_unacked_record_and_leaves_both_by_its_ack(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    assert delivery.raw == b"one" and not delivery.redelivered and delivery.deaths == 0
    assert client.llen(QUEUE) == 0 and client.hvals(f"{QUEUE}:unacked") == [b"one"]
    delivery.ack()
    inbox.flush()
    assert not client.exists(f"{QUEUE}:unacked") and len(inbox.unacked) == 0


@pytest.mark.parametrize("most", [1, 2, 5, 256])
def test_messages_come_in_the_order_sent_and_of_all_four_priorities(
    make_inbox: MakeInbox, client: redis.Redis, most: int
) -> None:
    for step, raw in ((9, b"d"), (6, b"c"), (3, b"b")):
        client.lpush(f"{QUEUE}{SEPARATOR}{step}", raw)
    client.lpush(QUEUE, b"a1", b"a2")
    inbox, came = make_inbox(), list[bytes]()
    while group := take(inbox, most=most):
        came += raws(group)
        for delivery in group.deliveries:
            delivery.ack()
    assert came == [b"a1", b"a2", b"b", b"c", b"d"]
    assert not client.exists(f"{QUEUE}:unacked")


@pytest.mark.parametrize("most", [1, 3, 256])
def test_the_same_messages_are_answered_when_the_reply_of_a_pop_got_lost(
    make_inbox: MakeInbox, client: redis.Redis, most: int
) -> None:
    client.lpush(QUEUE, b"one", b"two", b"three", b"four")
    inbox = make_inbox()
    lose_reply(inbox, inbox.leases.begin(QUEUE), most)
    client.lpush(QUEUE, b"later")
    group = must_take(inbox, most=most)
    assert raws(group) == [b"one", b"two", b"three", b"four"][:most]
    assert not any(delivery.redelivered for delivery in group.deliveries)
    assert client.hlen(f"{QUEUE}:unacked") == len(group.deliveries)
    assert {*client.hkeys(f"{QUEUE}:unacked")} == {d.tag.encode() for d in group.deliveries}


def test_a_lost_reply_is_asked_for_again_also_after_another_queue_has_answered(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one", b"two", b"three")
    client.lpush(f"{QUEUE}.1", b"other")
    inbox = make_inbox()
    lose_reply(inbox, inbox.leases.begin(QUEUE), 2)
    assert must_pop(inbox, f"{QUEUE}.1").raw == b"other"
    assert raws(take(inbox, most=2)) == [b"one", b"two"]
    assert client.hlen(f"{QUEUE}:unacked") == 2


def test_takeover_pushes_all_unacked_back_oldest_first_before_anything_newer(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    sent = [b"%d" % number for number in range(12)]
    client.lpush(QUEUE, *sent)
    dead, heir = make_inbox(renews=False), make_inbox()
    assert raws(take(dead, most=11)) == sent[:11]
    came = [take_over(heir)]
    while came[-1].raw != sent[-1]:
        came[-1].ack()
        came.append(must_pop(heir))
    assert [delivery.raw for delivery in came] == sent
    assert [delivery.redelivered for delivery in came] == [True] * 11 + [False]


def test_the_death_of_one_in_work_counts(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two")
    dead, heir = make_inbox(renews=False), make_inbox()
    must_pop(dead)
    first = take_over(heir)
    assert (first.raw, first.redelivered, first.deaths) == (b"one", True, 1)


def test_scripts_are_loaded_again_after_redis_forgot_them(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    must_pop(inbox).ack()
    client.script_flush()
    assert must_pop(inbox).raw == b"two"
    assert client.hlen(f"{QUEUE}:unacked") == 1


def test_a_settlement_goes_before_the_pop_that_it_is_sent_with_whatever_redis_forgot(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.script_flush()
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    must_pop(inbox).ack()
    assert must_pop(inbox).raw == b"two"


def test_what_a_redis_that_lost_writes_still_has_as_unacked_goes_back_at_once(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"old", b"new")
    inbox = make_inbox()
    old = must_pop(inbox)
    kept = client.hgetall(f"{QUEUE}:unacked")
    old.ack()
    inbox.flush()
    for tag, raw in kept.items():
        client.hset(f"{QUEUE}:unacked", tag, raw)

    again = must_pop(inbox)
    assert (again.raw, again.redelivered, again.deaths) == (b"old", True, 0)
    assert client.hvals(f"{QUEUE}:unacked") == [b"old"]
    again.ack()
    assert must_pop(inbox).raw == b"new"


def test_what_is_in_hand_of_a_shared_queue_stays_there_however_often_is_asked(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(SHARED, b"one", b"two", b"three")
    inbox = make_inbox()
    deliveries = [must_pop(inbox, SHARED) for _ in range(3)]
    deliveries[1].ack()
    assert pop(inbox, SHARED) is None
    assert sorted(client.hvals(f"{SHARED}:unacked")) == [b"one", b"three"]
    assert not client.exists(SHARED)


def test_shared_queues_have_many_consumers_and_no_lease(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(SHARED, b"one", b"two")
    first, second = make_inbox(), make_inbox()
    assert {must_pop(first, SHARED).raw, must_pop(second, SHARED).raw} == {b"one", b"two"}
    assert not client.exists(f"{SHARED}:lease")


def test_what_a_dead_consumer_of_a_shared_queue_held_comes_back(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(SHARED, b"one", b"two")
    dead, living = make_inbox(renews=False), make_inbox()
    must_pop(dead, SHARED)
    mine = must_pop(living, SHARED)
    assert take_over(living, SHARED).raw == b"one"
    mine.ack()
    living.flush()
    assert client.hvals(f"{SHARED}:unacked") == [b"one"]
