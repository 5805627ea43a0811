"""Leases: one owner at a time, who keeps it, who takes it over, and what an epoch says."""

import time

import pytest
import redis

from tests.transport.inboxes import (
    LEASE_S,
    QUEUE,
    MakeInbox,
    freeze,
    must_pop,
    must_take,
    pop,
    take_over,
    take_over_group,
)
from worker.transport import LeaseLost
from worker.transport.state import QueueState


def test_one_owner_at_a_time(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two")
    owner, other = make_inbox(lease_s=60), make_inbox(lease_s=60)
    must_pop(owner)
    state = other.leases.begin(QUEUE)
    assert other.exchange(state, 1) is None
    assert not state.ready(time.monotonic()) and state.watched == (f"{QUEUE}:doorbell",)
    assert client.llen(QUEUE) == 1


def test_a_live_owner_keeps_its_lease(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two")
    owner, other = make_inbox(lease_s=4), make_inbox(lease_s=4)
    group = must_take(owner)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        owner.beat()
        assert pop(other) is None
        time.sleep(0.05)
    assert group.holds_lease()


def test_an_owner_whose_event_loop_stands_still_loses_its_lease(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    owner, other = make_inbox(), make_inbox()
    group = must_take(owner)
    freeze(owner)
    assert take_over(other).raw == b"one"
    assert not group.holds_lease()


def test_a_lease_that_ran_out_unwanted_is_still_its_owners(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    owner = make_inbox(renews=False)
    group = must_take(owner)
    time.sleep(LEASE_S * 1.2)
    assert group.holds_lease()
    group.deliveries[0].ack()
    owner.flush()
    assert not client.exists(f"{QUEUE}:unacked")


def test_a_clock_that_was_put_back_does_not_prolong_a_lease(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    hour_ms = 3_600_000
    until_ms = int(client.time()[0]) * 1000 + hour_ms
    client.hset(f"{QUEUE}:lease", mapping={"owner": "dead:1:x", "until": until_ms, "epoch": until_ms})

    assert must_take(make_inbox()).epoch > until_ms


def test_epochs_rise_with_every_owner_and_are_not_behind_the_clock_of_redis(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    first, second = make_inbox(renews=False), make_inbox()
    old = must_take(first).epoch
    new = take_over_group(second).epoch
    assert new > old and abs(new / 1000 - client.time()[0]) < 5
    ahead = int(client.time()[0]) * 1000 + 3_600_000
    client.hset(f"{QUEUE}:lease", "epoch", ahead)
    second.release(second.leases.begin(QUEUE))
    assert take_over_group(make_inbox()).epoch == ahead + 1


def test_raise_epoch_is_the_owners_only(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    zombie, heir = make_inbox(renews=False), make_inbox()
    stale = must_take(zombie)
    mine = take_over_group(heir)
    with pytest.raises(LeaseLost):
        stale.raise_epoch(mine.epoch + 1)
    old = mine.epoch
    assert mine.raise_epoch(old + 7) == old + 7 == mine.epoch
    assert mine.holds_lease()
    mine.deliveries[0].ack()
    heir.flush()
    assert not client.exists(f"{QUEUE}:unacked")


def test_release_gives_back_and_a_standby_goes_on_at_once(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two")
    owner, standby = make_inbox(lease_s=60), make_inbox(lease_s=60)
    must_pop(owner)
    assert pop(standby) is None
    owner.close()
    assert client.exists(f"{QUEUE}:doorbell")
    again = must_pop(standby)
    assert again.raw == b"one" and again.redelivered and again.deaths == 0


def test_giving_up_lets_the_standby_go_first(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    owner, standby = make_inbox(lease_s=60), make_inbox(lease_s=60)
    group = must_take(owner)
    assert pop(standby) is None
    group.give_up()
    state = owner.leases.begin(QUEUE)
    assert not state.ready(time.monotonic())
    group.deliveries[0].ack()
    owner.flush()
    assert must_pop(standby).raw == b"one"


def test_draining_keeps_the_queue_of_what_is_still_in_work(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    pop(inbox, f"{QUEUE}.1")
    inbox.drain()
    assert client.hget(f"{QUEUE}:lease", "owner") == inbox.owner.encode()
    assert client.hget(f"{QUEUE}.1:lease", "owner") is None
    delivery.ack()
    assert client.hget(f"{QUEUE}:lease", "owner") is None
    assert not client.exists(f"{QUEUE}:unacked")


def test_state_of_a_queue_survives_consuming_it_again(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    group = must_take(inbox)
    state: QueueState = inbox.leases.begin(QUEUE)
    assert state.epoch == group.epoch and len(inbox.unacked) == 1
