"""Groups: what one pop takes, in what order, and what becomes of it when its process dies or gives it back."""

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
    rest,
    take,
    take_over,
    take_over_group,
)
from worker.transport import drain_parked_messages
from worker.transport.group import Group
from worker.transport.keys import SEPARATOR
from worker.transport.options import DEFAULT_MAX_DEATHS as MAX_DEATHS
from worker.transport.options import GROUP_BYTES
from worker.transport.parked import ParkedMessage
from worker.transport.protocol import MessageLimits

MOST = 256


def die(client: redis.Redis) -> None:
    """The lease of the present owner has run out: it is dead for the others."""
    client.hset(f"{QUEUE}:lease", "until", 0)


@pytest.mark.parametrize("most", [1, 2, 7])
def test_a_group_has_so_many_messages_at_most(make_inbox: MakeInbox, client: redis.Redis, most: int) -> None:
    client.lpush(QUEUE, *[b"%d" % number for number in range(10)])
    inbox = make_inbox()
    group = must_take(inbox, most=most)
    assert raws(group) == [b"%d" % number for number in range(most)]
    assert len({delivery.tag for delivery in group.deliveries}) == most
    assert client.llen(QUEUE) == 10 - most


def test_a_group_has_so_many_bytes_at_most(make_inbox: MakeInbox, client: redis.Redis) -> None:
    percent = GROUP_BYTES // 100
    sizes = {b"a": 60, b"b": 40, b"c": 1, b"d": 99, b"e": 101, b"f": 1}
    client.lpush(QUEUE, *[raw * percent * size for raw, size in sizes.items()])
    inbox, came = make_inbox(limits=MessageLimits(2 * GROUP_BYTES)), list[list[bytes]]()
    while group := take(inbox, most=MOST):
        came.append([raw[:1] for raw in raws(group)])
        for delivery in group.deliveries:
            delivery.ack()
    # A message that is larger than all that is taken at once is taken by itself.
    assert came == [[b"a", b"b"], [b"c", b"d"], [b"e"], [b"f"]]


def test_what_had_no_room_stays_on_the_list_of_its_priority(
    make_inbox: MakeInbox, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.transport.inbox.GROUP_BYTES", 10)
    client.lpush(QUEUE, b"first")
    client.lpush(f"{QUEUE}{SEPARATOR}6", b"too large", b"behind")
    inbox = make_inbox()
    group = must_take(inbox, most=MOST)
    assert raws(group) == [b"first"]
    # What comes with a higher priority goes before what had no room.
    client.lpush(QUEUE, b"urgent")
    assert rest(client, f"{QUEUE}{SEPARATOR}6") == [b"too large", b"behind"]
    group.deliveries[0].ack()
    assert raws(take(inbox, most=MOST)) == [b"urgent"]


def test_a_group_whose_reply_got_lost_is_not_mixed_with_what_came_later(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    lose_reply(inbox, inbox.leases.begin(QUEUE), MOST)
    lose_reply(inbox, inbox.leases.begin(QUEUE), MOST)
    client.lpush(QUEUE, b"three")
    client.lpush(f"{QUEUE}{SEPARATOR}3", b"four")
    group = must_take(inbox, most=MOST)
    assert raws(group) == [b"one", b"two"]
    for delivery in group.deliveries:
        delivery.ack()
    assert raws(take(inbox, most=MOST)) == [b"three", b"four"]
    assert client.hlen(f"{QUEUE}:unacked") == 2


def test_deliveries_of_two_queues_never_share_a_tag(make_inbox: MakeInbox, client: redis.Redis) -> None:
    """Although a request that got lost is made again when there is room for more."""
    inbox = make_inbox(shared=(SHARED, f"{SHARED}.1"))
    lose_reply(inbox, inbox.leases.begin(SHARED), 1)
    client.lpush(SHARED, b"a", b"b", b"c")
    client.lpush(f"{SHARED}.1", b"d", b"e", b"f")
    other = must_take(inbox, f"{SHARED}.1", most=3)
    mine = must_take(inbox, SHARED, most=3)
    tags = [delivery.tag for delivery in (*other.deliveries, *mine.deliveries)]
    assert len({*tags}) == len(tags) == len(inbox.unacked)


def test_after_a_death_the_messages_come_alone_until_each_is_settled(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one", b"two", b"three", b"four", b"five")
    dead, heir = make_inbox(renews=False), make_inbox()
    assert len(must_take(dead, most=3).deliveries) == 3
    group: Group | None = take_over_group(heir, most=MOST)
    came = list[list[bytes]]()
    while group:
        came.append(raws(group))
        for delivery in group.deliveries:
            delivery.ack()
        group = take(heir, most=MOST)
    assert came == [[b"one"], [b"two"], [b"three"], [b"four", b"five"]]


def test_a_death_in_company_blames_nobody_and_one_alone_blames_the_one(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one", b"two", b"three")
    dead = make_inbox(renews=False)
    must_take(dead, most=MOST)
    die(client)
    for deaths in range(3):
        victim = make_inbox(renews=False)
        group = must_take(victim, most=MOST)
        assert [(d.raw, d.deaths, d.redelivered) for d in group.deliveries] == [(b"one", deaths, True)]
        die(client)
    heir = make_inbox()
    must_pop(heir).ack()
    assert [(d.raw, d.deaths) for d in must_take(heir, most=MOST).deliveries] == [(b"two", 0)]


def test_one_that_kills_amid_others_is_parked_alone(make_inbox: MakeInbox, client: redis.Redis) -> None:
    sent = [b"%d" % number for number in range(20)]
    client.lpush(QUEUE, *sent)
    done, deaths = list[bytes](), 0
    for _ in range(MAX_DEATHS + 2):
        worker = make_inbox(renews=False)
        while group := take(worker, most=MOST):
            if b"7" in raws(group):
                deaths += 1
                assert deaths < 20, "it is never parked"
                break
            done += raws(group)
            for delivery in group.deliveries:
                delivery.ack()
        die(client)
    assert done == [raw for raw in sent if raw != b"7"]
    # The first was in company.
    assert deaths == MAX_DEATHS + 1
    parked: list[ParkedMessage] = []
    drain_parked_messages(client, QUEUE, parked.extend)
    assert [(one.raw, one.reason, one.deaths) for one in parked] == [(b"7", "deaths", MAX_DEATHS)]
    assert not client.exists(f"{QUEUE}:returned", f"{QUEUE}:waiting")


def test_a_group_that_waits_is_not_blamed(make_inbox: MakeInbox, client: redis.Redis) -> None:
    """An outage held it up: it comes back together, and nothing is counted."""
    client.lpush(QUEUE, b"one", b"two", b"three")
    dead, heir = make_inbox(renews=False), make_inbox()
    group = must_take(dead, most=MOST)
    group.waiting()
    assert {*client.smembers(f"{QUEUE}:waiting")} == {d.tag.encode() for d in group.deliveries}
    again = take_over_group(heir, most=MOST)
    assert [(d.raw, d.deaths, d.redelivered) for d in again.deliveries] == [
        (b"one", 0, True),
        (b"two", 0, True),
        (b"three", 0, True),
    ]
    assert not client.exists(f"{QUEUE}:waiting")


def test_what_is_settled_before_a_death_is_not_blamed(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two", b"three")
    dead, heir = make_inbox(renews=False), make_inbox()
    group = must_take(dead, most=MOST)
    for delivery in group.deliveries[:2]:
        delivery.ack()
    group.flush()
    last = take_over(heir)
    # It was alone then.
    assert (last.raw, last.deaths) == (b"three", 1)


def test_leftovers_of_a_group_go_back_together_and_in_order(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    """A Redis that lost writes has the records of a group that was settled long ago."""
    client.lpush(QUEUE, b"one", b"two", b"three", b"new")
    inbox = make_inbox()
    group = must_take(inbox, most=3)
    kept = client.hgetall(f"{QUEUE}:unacked")
    for delivery in group.deliveries:
        delivery.ack()
    inbox.flush()
    client.hset(f"{QUEUE}:unacked", mapping=kept)  # type: ignore[arg-type]

    again = must_take(inbox, most=MOST)
    assert raws(again) == [b"one", b"two", b"three", b"new"]
    assert [(d.redelivered, d.deaths) for d in again.deliveries] == [(True, 0)] * 3 + [(False, 0)]
    assert client.hlen(f"{QUEUE}:unacked") == 4


def test_many_acks_go_together_and_each_ends_one_message(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, *[b"%d" % number for number in range(2500)])
    inbox = make_inbox()
    group = must_take(inbox, most=2500)
    for delivery in group.deliveries:
        if delivery.raw != b"1234":
            delivery.ack()
    inbox.flush()
    assert client.hvals(f"{QUEUE}:unacked") == [b"1234"]


def test_acks_of_which_some_are_stale_end_the_others(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two", b"three")
    inbox = make_inbox()
    group = must_take(inbox, most=MOST)
    client.hdel(f"{QUEUE}:unacked", group.deliveries[1].tag)
    client.hset(f"{QUEUE}:unacked", "somebody:else", b"theirs")
    for delivery in group.deliveries:
        delivery.ack()
    inbox.flush()
    assert client.hgetall(f"{QUEUE}:unacked") == {b"somebody:else": b"theirs"}


def test_acks_forget_which_messages_came_again(make_inbox: MakeInbox, client: redis.Redis) -> None:
    """Those of the group that did, and no other."""
    client.lpush(QUEUE, b"one", b"two", b"three")
    inbox = make_inbox()
    group = must_take(inbox, most=2)
    group.waiting()
    group.give_back()
    inbox.flush()
    again = must_take(inbox, most=MOST)
    assert [d.redelivered for d in again.deliveries] == [True, True, False]
    again.waiting()
    for delivery in again.deliveries[1:]:
        delivery.ack()
    inbox.flush()
    assert client.hlen(f"{QUEUE}:returned") == 1
    assert {*client.smembers(f"{QUEUE}:waiting")} == {again.deliveries[0].tag.encode()}
    again.deliveries[0].ack()
    inbox.flush()
    assert not client.exists(f"{QUEUE}:returned", f"{QUEUE}:waiting", f"{QUEUE}:unacked", QUEUE)


def test_one_amid_a_group_is_parked_and_the_others_are_settled(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one", b"bad", b"three", b"four")
    inbox = make_inbox()
    first, bad, third, last = must_take(inbox, most=MOST).deliveries
    first.ack()
    bad.park("because", "of it")
    third.ack()
    last.give_back()
    assert pop(inbox) is not None
    parked: list[ParkedMessage] = []
    drain_parked_messages(client, QUEUE, parked.extend)
    assert [(one.raw, one.reason, one.detail) for one in parked] == [(b"bad", "because", "of it")]
    assert client.hvals(f"{QUEUE}:unacked") == [b"four"]


def test_a_part_that_is_given_back_goes_before_what_is_newer_and_keeps_its_order(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, *[b"%d" % number for number in range(6)])
    inbox = make_inbox()
    group = must_take(inbox, most=5)
    for index in (0, 1, 3):
        group.deliveries[index].ack()
    group.give_back()
    inbox.flush()
    assert rest(client) == [b"2", b"4", b"5"]
    again = must_take(inbox, most=MOST)
    assert [(d.raw, d.redelivered, d.deaths) for d in again.deliveries] == [
        (b"2", True, 0),
        (b"4", True, 0),
        (b"5", False, 0),
    ]


def test_a_released_queue_has_its_group_back_in_order(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two", b"three", b"four")
    owner, standby = make_inbox(lease_s=60), make_inbox(lease_s=60)
    group = must_take(owner, most=3)
    owner.close()
    assert all(delivery.settled for delivery in group.deliveries)
    again = must_take(standby, most=MOST)
    assert raws(again) == [b"one", b"two", b"three", b"four"]
    assert [d.deaths for d in again.deliveries] == [0] * 4
