"""Leases, pops and settlements, by two processes' inboxes on one real Redis."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from tests.transport.inboxes import LEASE_S, QUEUE, SHARED, freeze
from tests.transport.transport_harness import until
from worker.transport import LeaseLost, drain_dead_messages, scripts
from worker.transport.delivery import Delivery
from worker.transport.envelope import MessageLimits
from worker.transport.inbox import Inbox
from worker.transport.keys import SEPARATOR
from worker.transport.state import QueueState


def pop(inbox: Inbox, queue: str = QUEUE) -> Delivery | None:
    return inbox.exchange(inbox.consume(queue))


def must_pop(inbox: Inbox, queue: str = QUEUE) -> Delivery:
    delivery = pop(inbox, queue)
    assert delivery is not None
    return delivery


def take_over(inbox: Inbox, queue: str = QUEUE) -> Delivery:
    return until(lambda: pop(inbox, queue), 5, "takeover")


def rest(client: "redis.Redis", queue: str = QUEUE) -> list[bytes]:
    """What is on the list, in the order in which it will be popped."""
    return list(reversed(client.lrange(queue, 0, -1)))


def test_a_message_is_on_the_list_or_in_the_unacked_record_and_leaves_both_by_its_ack(make_inbox, client):
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    assert delivery.raw == b"one" and not delivery.redelivered and delivery.deaths == 0
    assert client.llen(QUEUE) == 0 and client.hvals(f"{QUEUE}:unacked") == [b"one"]
    delivery.ack()
    inbox.flush()
    assert not client.exists(f"{QUEUE}:unacked") and inbox.held == 0


def test_messages_come_in_the_order_sent_and_of_all_four_priorities(make_inbox, client):
    for step, raw in ((9, b"d"), (6, b"c"), (3, b"b")):
        client.lpush(f"{QUEUE}{SEPARATOR}{step}", raw)
    client.lpush(QUEUE, b"a1", b"a2")
    inbox = make_inbox()
    assert [must_pop(inbox).raw for _ in range(5)] == [b"a1", b"a2", b"b", b"c", b"d"]


def test_the_same_message_is_answered_when_the_reply_of_a_pop_got_lost(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    lose_reply(inbox, inbox.consume(QUEUE))
    assert must_pop(inbox).raw == b"one"
    assert client.hlen(f"{QUEUE}:unacked") == 1


def test_a_lost_reply_is_asked_for_again_also_after_another_queue_has_answered(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    client.lpush(f"{QUEUE}.1", b"other")
    inbox = make_inbox()
    lose_reply(inbox, inbox.consume(QUEUE))
    assert must_pop(inbox, f"{QUEUE}.1").raw == b"other"
    assert must_pop(inbox).raw == b"one"
    assert client.hlen(f"{QUEUE}:unacked") == 1


def lose_reply(inbox, state):
    """Redis carries out one pop, and its reply does not arrive."""
    real = inbox._send

    def lose(call: object) -> None:
        real(call)
        raise redis.ConnectionError("lost on the way")

    inbox._send = lose
    with pytest.raises(redis.ConnectionError):
        inbox.exchange(state)
    inbox._send = real


def test_settlements_survive_an_outage_and_are_sent_once(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    delivery.ack()
    good = inbox.client
    inbox.client = redis.Redis(port=1, retry=None)
    with pytest.raises(redis.ConnectionError):
        inbox.flush()
    inbox.client.close()
    inbox.client = good
    assert must_pop(inbox).raw == b"two"
    assert client.hvals(f"{QUEUE}:unacked") == [b"two"]


def test_an_ack_whose_reply_got_lost_is_told_to_have_been_settled_perhaps(
    make_inbox, client, monkeypatch, caplog
):
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    must_pop(inbox).ack()
    with monkeypatch.context() as patched:
        run_all = scripts.run_all

        def lose(*args: object) -> None:
            run_all(*args)
            raise redis.ConnectionError("lost on the way")

        patched.setattr(scripts, "run_all", lose)
        with pytest.raises(redis.ConnectionError):
            inbox.flush()
    inbox.flush()
    assert "came too late: it was settled already, or is in other hands" in caplog.text


def test_one_owner_at_a_time(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    owner, other = make_inbox(lease_s=60), make_inbox(lease_s=60)
    must_pop(owner)
    state = other.consume(QUEUE)
    assert other.exchange(state) is None
    assert not state.ready(time.monotonic()) and state.watched == (f"{QUEUE}:doorbell",)
    assert client.llen(QUEUE) == 1


def test_a_live_owner_keeps_its_lease(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    owner, other = make_inbox(lease_s=3), make_inbox(lease_s=3)
    delivery = must_pop(owner)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        owner.beat()
        assert pop(other) is None
        time.sleep(0.05)
    assert delivery.holds_lease()


def test_an_owner_whose_event_loop_stands_still_loses_its_lease(make_inbox, client):
    client.lpush(QUEUE, b"one")
    owner, other = make_inbox(), make_inbox()
    delivery = must_pop(owner)
    freeze(owner)
    assert take_over(other).raw == b"one"
    assert not delivery.holds_lease()


def test_takeover_pushes_all_unacked_back_oldest_first_before_anything_newer(make_inbox, client):
    sent = [b"%d" % number for number in range(12)]
    client.lpush(QUEUE, *sent)
    dead, heir = make_inbox(renews=False), make_inbox()
    for _ in range(11):
        must_pop(dead)
    first = take_over(heir)
    assert [first.raw, *[must_pop(heir).raw for _ in range(11)]] == sent
    assert first.redelivered and first.deaths == 1


def test_epochs_rise_with_every_owner_and_are_not_behind_the_clock_of_redis(make_inbox, client):
    client.lpush(QUEUE, b"one")
    first, second = make_inbox(renews=False), make_inbox()
    old = must_pop(first).epoch
    new = take_over(second).epoch
    assert new > old and abs(new / 1000 - client.time()[0]) < 5
    client.hset(f"{QUEUE}:lease", "epoch", 9_000_000_000_000)
    second.release(second.consume(QUEUE))
    assert take_over(make_inbox()).epoch == 9_000_000_000_001


@pytest.mark.parametrize("action", ["ack", "back", "failed", "park", "forward"])
def test_what_a_zombie_settles_changes_nothing(make_inbox, client, action):
    client.lpush(QUEUE, b"one", b"two")
    zombie, heir = make_inbox(renews=False), make_inbox()
    stale = must_pop(zombie)
    mine = take_over(heir)
    before = (client.hgetall(f"{QUEUE}:unacked"), rest(client))
    assert zombie.settle_now(stale, action, "r", "0", "", target="elsewhere") is False
    assert (client.hgetall(f"{QUEUE}:unacked"), rest(client)) == before
    assert not client.exists("elsewhere", f"{QUEUE}:poison")
    mine.ack()
    heir.flush()
    assert not client.exists(f"{QUEUE}:unacked")


def test_a_lease_that_ran_out_unwanted_is_still_its_owners(make_inbox, client):
    client.lpush(QUEUE, b"one")
    owner = make_inbox(renews=False)
    delivery = must_pop(owner)
    time.sleep(LEASE_S * 1.2)
    assert delivery.holds_lease()
    delivery.ack()
    owner.flush()
    assert not client.exists(f"{QUEUE}:unacked")


def test_given_back_goes_to_the_head_and_begins_again_at_no_deaths(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two", b"three")
    dead, inbox = make_inbox(renews=False), make_inbox()
    must_pop(dead)
    delivery = take_over(inbox)
    assert delivery.deaths == 1
    delivery.give_back()
    inbox.flush()
    assert rest(client) == [b"one", b"two", b"three"]
    again = must_pop(inbox)
    assert again.raw == b"one" and again.redelivered and again.deaths == 0


def test_the_memory_of_a_redelivery_ends_with_its_message(make_inbox, client):
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    must_pop(inbox).give_back()
    inbox.flush()
    must_pop(inbox).ack()
    inbox.flush()
    client.lpush(QUEUE, b"one")
    assert not must_pop(inbox).redelivered
    assert not client.exists(f"{QUEUE}:returned")


def test_five_deaths_park(make_inbox, client):
    client.lpush(QUEUE, b"deadly", b"good")
    for deaths in range(5):
        victim = make_inbox(renews=False)
        delivery = take_over(victim)
        assert (delivery.raw, delivery.deaths) == (b"deadly", deaths)
        client.hset(f"{QUEUE}:lease", "until", 0)
    heir = make_inbox()
    assert take_over(heir).raw == b"good"
    parked = []
    assert drain_dead_messages(client, QUEUE, parked.append) == 1
    assert (parked[0].raw, parked[0].reason, parked[0].deaths) == (b"deadly", "deaths", 5)
    assert not client.exists(f"{QUEUE}:returned")


def test_a_death_of_what_had_to_wait_clears_the_count(make_inbox, client):
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


def test_a_wait_that_redis_could_not_be_told_of_is_told_by_the_next_call(make_inbox, client):
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    good = inbox.client
    inbox.client = redis.Redis(port=1, retry=None)
    delivery.waiting()
    inbox.client.close()
    inbox.client = good
    assert not client.exists(f"{QUEUE}:waiting")
    delivery.waiting()
    assert client.smembers(f"{QUEUE}:waiting") == {delivery.tag.encode()}
    delivery.ack()
    inbox.flush()
    assert not client.exists(f"{QUEUE}:waiting")


def test_oversize_is_parked_without_leaving_redis(make_inbox, client):
    client.lpush(QUEUE, b"x" * 101, b"y" * 100)
    inbox = make_inbox(limits=MessageLimits(max_bytes=50, max_bytes_by_task={"batch": 100}))
    assert must_pop(inbox).raw == b"y" * 100
    parked = []
    drain_dead_messages(client, QUEUE, parked.append)
    assert [(entry.reason, entry.raw) for entry in parked] == [("oversize", b"x" * 101)]


def test_a_row_of_poison_does_not_hide_what_is_behind_it(make_inbox, client):
    client.lpush(QUEUE, *[b"x" * 101] * 40, b"good")
    inbox = make_inbox(limits=MessageLimits(max_bytes=100))
    state = inbox.consume(QUEUE)
    while (delivery := inbox.exchange(state)) is None:
        assert state.ready(time.monotonic())
    assert delivery.raw == b"good" and client.llen(f"{QUEUE}:poison") == 40


def test_an_element_of_another_hand_does_not_block_the_drain(client):
    client.lpush(f"{QUEUE}:poison", b"what is this", b"a\nb\nc\nd\ne")
    parked = []
    assert drain_dead_messages(client, QUEUE, parked.append) == 2
    assert [entry.raw for entry in parked] == [b"what is this", b"a\nb\nc\nd\ne"]
    assert {entry.reason for entry in parked} == {"foreign_element"}


def test_parked_bytes_are_kept_as_they_were(make_inbox, client):
    raw = bytes(range(256)) + b"\n\n\r\n"
    client.lpush(QUEUE, raw)
    inbox = make_inbox()
    must_pop(inbox).park_later("because\nof", "two\nlines")
    inbox.flush()
    parked = []
    drain_dead_messages(client, QUEUE, parked.append)
    assert (parked[0].raw, parked[0].reason, parked[0].detail) == (raw, "because of", "two lines")


def test_drain_removes_by_value_and_keeps_what_the_sink_could_not_take(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    must_pop(inbox).park_later("x")
    must_pop(inbox).park_later("x")
    inbox.flush()

    def sink_with_rival(parked: object) -> None:
        drain_dead_messages(client, QUEUE, lambda _: None, limit=1)

    # Another process drains the first between our store and our removal: we must not remove the second.
    assert drain_dead_messages(client, QUEUE, sink_with_rival, limit=1) == 1
    assert client.llen(f"{QUEUE}:poison") == 1

    def fail(parked: object) -> None:
        raise OSError("the store is away")

    with pytest.raises(OSError, match="away"):
        drain_dead_messages(client, QUEUE, fail)
    assert client.llen(f"{QUEUE}:poison") == 1


def test_forward_moves_to_the_end_and_remembers_the_redelivery(make_inbox, client):
    client.lpush(QUEUE, b"one")
    client.lpush(f"{QUEUE}.1", b"before")
    inbox = make_inbox()
    must_pop(inbox).give_back()
    inbox.flush()
    assert must_pop(inbox).forward(f"{QUEUE}.1")
    assert must_pop(inbox, f"{QUEUE}.1").raw == b"before"
    forwarded = must_pop(inbox, f"{QUEUE}.1")
    assert forwarded.raw == b"one" and forwarded.redelivered
    assert not client.exists(f"{QUEUE}:unacked", f"{QUEUE}:returned")


def test_release_gives_back_and_a_standby_goes_on_at_once(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    owner, standby = make_inbox(lease_s=60), make_inbox(lease_s=60)
    must_pop(owner)
    assert pop(standby) is None
    owner.close()
    assert client.exists(f"{QUEUE}:doorbell")
    again = must_pop(standby)
    assert again.raw == b"one" and again.redelivered and again.deaths == 0


def test_raise_epoch_is_the_owners_only(make_inbox, client):
    client.lpush(QUEUE, b"one")
    zombie, heir = make_inbox(renews=False), make_inbox()
    stale = must_pop(zombie)
    mine = take_over(heir)
    with pytest.raises(LeaseLost):
        stale.raise_epoch(mine.epoch + 1)
    old = mine.epoch
    assert mine.raise_epoch(old + 7) == old + 7 == mine.epoch
    assert mine.holds_lease()
    mine.ack()
    heir.flush()
    assert not client.exists(f"{QUEUE}:unacked")


def test_giving_up_lets_the_standby_go_first(make_inbox, client):
    client.lpush(QUEUE, b"one")
    owner, standby = make_inbox(lease_s=60), make_inbox(lease_s=60)
    delivery = must_pop(owner)
    assert pop(standby) is None
    delivery.give_up()
    state = owner.consume(QUEUE)
    assert not state.ready(time.monotonic())
    delivery.ack()
    owner.flush()
    assert must_pop(standby).raw == b"one"


def test_scripts_are_loaded_again_after_redis_forgot_them(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    must_pop(inbox).ack()
    client.script_flush()
    assert must_pop(inbox).raw == b"two"
    assert client.hlen(f"{QUEUE}:unacked") == 1


def test_nothing_settled_before_a_loss_of_data_touches_what_came_after(make_inbox, client):
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    lost = must_pop(inbox)
    client.flushall()
    client.lpush(QUEUE, b"new")
    kept = must_pop(inbox)
    assert kept.epoch > lost.epoch
    lost.ack()
    inbox.flush()
    assert client.hvals(f"{QUEUE}:unacked") == [b"new"]


def test_shared_queues_have_many_consumers_and_no_lease(make_inbox, client):
    client.lpush(SHARED, b"one", b"two")
    first, second = make_inbox(), make_inbox()
    assert {must_pop(first, SHARED).raw, must_pop(second, SHARED).raw} == {b"one", b"two"}
    assert not client.exists(f"{SHARED}:lease")


def test_what_a_dead_consumer_of_a_shared_queue_held_comes_back(make_inbox, client):
    client.lpush(SHARED, b"one", b"two")
    dead, living = make_inbox(renews=False), make_inbox()
    must_pop(dead, SHARED)
    mine = must_pop(living, SHARED)
    assert take_over(living, SHARED).raw == b"one"
    mine.ack()
    living.flush()
    assert client.hvals(f"{SHARED}:unacked") == [b"one"]


def test_what_a_redis_that_lost_writes_still_has_as_unacked_goes_back_at_once(make_inbox, client):
    client.lpush(QUEUE, b"old", b"new")
    inbox = make_inbox()
    old = must_pop(inbox)
    kept = client.hgetall(f"{QUEUE}:unacked")
    old.ack()
    inbox.flush()
    client.hset(f"{QUEUE}:unacked", mapping=kept)

    again = must_pop(inbox)
    assert (again.raw, again.redelivered, again.deaths) == (b"old", True, 0)
    assert client.hvals(f"{QUEUE}:unacked") == [b"old"]
    again.ack()
    assert must_pop(inbox).raw == b"new"


def test_what_is_in_hand_stays_there_however_often_is_asked(make_inbox, client):
    client.lpush(QUEUE, b"one", b"two", b"three")
    inbox = make_inbox()
    deliveries = [must_pop(inbox) for _ in range(3)]
    deliveries[1].ack()
    assert pop(inbox) is None
    assert sorted(client.hvals(f"{QUEUE}:unacked")) == [b"one", b"three"]
    assert not client.exists(QUEUE)


def test_a_clock_that_was_put_back_does_not_prolong_a_lease(make_inbox, client):
    client.lpush(QUEUE, b"one")
    hour_ms = 3_600_000
    until_ms = int(client.time()[0]) * 1000 + hour_ms
    client.hset(f"{QUEUE}:lease", mapping={"owner": "dead:1:x", "until": until_ms, "epoch": until_ms})

    delivery = must_pop(make_inbox())
    assert delivery.epoch > until_ms


def test_equal_messages_are_parked_each_for_itself(make_inbox, client):
    inbox = make_inbox(limits=MessageLimits(max_bytes=3))
    client.lpush(QUEUE, *[b"garbage"] * 40)
    while client.exists(QUEUE):
        assert pop(inbox) is None
    parked = []
    drain_dead_messages(client, QUEUE, parked.append)
    assert [one.raw for one in parked] == [b"garbage"] * 40
    assert len({one.id for one in parked}) == 40


def test_draining_keeps_the_queue_of_what_is_still_in_work(make_inbox, client):
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


def test_threads_that_settle_at_once_while_draining_give_nothing_back(make_inbox, client):
    client.lpush(SHARED, *(str(number) for number in range(64)))
    inbox = make_inbox()
    deliveries = [must_pop(inbox, SHARED) for _ in range(64)]
    inbox.draining = True
    with ThreadPoolExecutor(16) as threads:
        for settled in [threads.submit(delivery.ack) for delivery in deliveries]:
            settled.result()
    assert not client.exists(SHARED)
    assert not client.exists(f"{SHARED}:unacked")


def test_state_of_a_queue_survives_consuming_it_again(make_inbox, client):
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    state: QueueState = inbox.consume(QUEUE)
    assert state.epoch == delivery.epoch and inbox.held == 1
