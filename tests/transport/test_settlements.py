"""Settlements: each is valid once, for whoever has the message, and none gets lost."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from tests.support.servers import wait_until
from tests.transport.inboxes import (
    QUEUE,
    SHARED,
    MakeInbox,
    lose_connection,
    must_pop,
    must_take,
    rest,
    take_over,
)
from worker.lua import Call
from worker.transport import scripts


def test_settlements_survive_an_outage_and_are_sent_once(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two")
    inbox = make_inbox()
    delivery = must_pop(inbox)
    delivery.ack()
    mend = lose_connection(inbox)
    with pytest.raises(redis.ConnectionError):
        inbox.flush()
    mend()
    assert must_pop(inbox).raw == b"two"
    assert client.hvals(f"{QUEUE}:unacked") == [b"two"]


def test_an_ack_whose_reply_got_lost_is_told_to_have_been_settled_perhaps(
    make_inbox: MakeInbox,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    must_pop(inbox).ack()
    with monkeypatch.context() as patched:
        run_all = scripts.run_all

        def lose(client: redis.Redis, calls: Sequence[Call]) -> None:
            run_all(client, calls)
            raise redis.ConnectionError("lost on the way")

        patched.setattr(scripts, "run_all", lose)
        with pytest.raises(redis.ConnectionError):
            inbox.flush()
    inbox.flush()
    told = "ack of 1 message(s) of q.commands came too late: they were settled, or are in other hands"
    assert told in caplog.text


@pytest.mark.parametrize(
    ("action", "arguments"),
    [("ack", ()), ("back", ()), ("failed", ("1",)), ("park", ("r", "0", "")), ("forward", ("elsewhere",))],
)
def test_what_a_zombie_settles_changes_nothing(
    make_inbox: MakeInbox,
    client: redis.Redis,
    caplog: pytest.LogCaptureFixture,
    action: str,
    arguments: tuple[str, ...],
) -> None:
    client.lpush(QUEUE, b"one", b"two")
    zombie, heir = make_inbox(renews=False), make_inbox()
    stale = must_pop(zombie)
    mine = take_over(heir)
    before = (client.hgetall(f"{QUEUE}:unacked"), rest(client))
    zombie.settle(stale, action, *arguments)
    zombie.flush()
    assert f"{action} of 1 message(s) of {QUEUE} came too late" in caplog.text
    assert (client.hgetall(f"{QUEUE}:unacked"), rest(client)) == before
    assert not client.exists("elsewhere", f"{QUEUE}:poison")
    mine.ack()
    heir.flush()
    assert not client.exists(f"{QUEUE}:unacked")


def test_nothing_settled_before_a_loss_of_data_touches_what_came_after(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    group = must_take(inbox)
    client.flushall()
    # Epochs are of Redis's clock, which is to have moved on by a millisecond.
    wait_until(lambda: client.time()[0] * 1000 + client.time()[1] // 1000 > group.epoch, what="a later time")
    client.lpush(QUEUE, b"new")
    assert must_take(inbox).epoch > group.epoch
    group.deliveries[0].ack()
    inbox.flush()
    assert client.hvals(f"{QUEUE}:unacked") == [b"new"]


def test_given_back_goes_to_the_head_and_begins_again_at_no_deaths(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
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


def test_the_memory_of_a_redelivery_ends_with_its_message(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    inbox = make_inbox()
    must_pop(inbox).give_back()
    inbox.flush()
    must_pop(inbox).ack()
    inbox.flush()
    client.lpush(QUEUE, b"one")
    assert not must_pop(inbox).redelivered
    assert not client.exists(f"{QUEUE}:returned")


def test_forward_moves_to_the_end_and_remembers_the_redelivery(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, b"one")
    client.lpush(f"{QUEUE}.1", b"before")
    inbox = make_inbox()
    must_pop(inbox).give_back()
    inbox.flush()
    must_pop(inbox).forward(f"{QUEUE}.1")
    inbox.flush()
    before, forwarded = must_take(inbox, f"{QUEUE}.1", most=2).deliveries
    assert before.raw == b"before" and not before.redelivered
    assert forwarded.raw == b"one" and forwarded.redelivered
    assert not client.exists(f"{QUEUE}:unacked", f"{QUEUE}:returned")


def test_threads_that_settle_at_once_while_draining_give_nothing_back(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(SHARED, *(str(number) for number in range(64)))
    inbox = make_inbox()
    deliveries = [must_pop(inbox, SHARED) for _ in range(64)]
    inbox.draining = True
    with ThreadPoolExecutor(16) as threads:
        for settled in [threads.submit(delivery.ack) for delivery in deliveries]:
            settled.result()
    assert not client.exists(SHARED)
    assert not client.exists(f"{SHARED}:unacked")
