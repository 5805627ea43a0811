"""Much junk: it is parked in few scripts, told in few lines, and each of it is there."""

import logging

import pytest
import redis

from tests.transport.inboxes import QUEUE, MakeInbox, must_take, raws, rest, take, take_over_group
from worker.transport import drain_parked_messages
from worker.transport.cut import KEPT_OF_LARGER, KEPT_WHOLE
from worker.transport.parked import ParkedMessage
from worker.transport.protocol import MessageLimits
from worker.transport.scripts import PARK
from worker.transport.unacked import settle_calls


def park(client: redis.Redis, count: int) -> None:
    client.lpush(QUEUE, *[b"junk %d" % number for number in range(count)])


def test_junk_that_follows_each_other_is_parked_by_one_script(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    park(client, 300)
    inbox = make_inbox()
    for delivery in must_take(inbox, most=300).deliveries:
        delivery.park("not_json", "why")
    calls = settle_calls(inbox.owner, inbox.unacked.pending)
    assert [(len(settled), call.script) for settled, call in calls] == [(256, PARK), (44, PARK)]
    inbox.flush()
    parked: list[ParkedMessage] = []
    while drain_parked_messages(client, QUEUE, parked.extend):
        pass
    assert [message.raw for message in parked] == [b"junk %d" % number for number in range(300)]
    assert {(message.reason, message.detail) for message in parked} == {("not_json", "why")}
    assert len({message.id for message in parked}) == 300
    assert not client.exists(f"{QUEUE}:unacked")


def test_what_is_between_junk_keeps_its_place(make_inbox: MakeInbox, client: redis.Redis) -> None:
    park(client, 6)
    inbox = make_inbox()
    first, second, third, *others = must_take(inbox, most=6).deliveries
    first.park("x")
    second.ack()
    third.park("x")
    for delivery in reversed(others):
        delivery.give_back()
    inbox.flush()
    assert client.llen(f"{QUEUE}:poison") == 2 and rest(client) == [b"junk 3", b"junk 4", b"junk 5"]


def test_a_process_whose_lease_has_gone_parks_nothing(make_inbox: MakeInbox, client: redis.Redis) -> None:
    park(client, 3)
    frozen = make_inbox(renews=False)
    group = must_take(frozen, most=3)
    heir = make_inbox()
    assert raws(take_over_group(heir, most=3)) == [b"junk 0"]  # alone: a process died with a group
    for delivery in group.deliveries:
        delivery.park("not_json")
    frozen.flush()
    assert not client.exists(f"{QUEUE}:poison")
    assert client.hlen(f"{QUEUE}:unacked") == 1


def test_the_log_has_few_lines_and_every_reason(
    make_inbox: MakeInbox, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    park(client, 2000)
    inbox = make_inbox()
    while group := take(inbox, most=250):
        for number, delivery in enumerate(group.deliveries):
            delivery.park("not_json" if number % 2 else "bad_id")
    inbox.close()
    told = [r.getMessage() for r in caplog.records if r.getMessage().startswith("parked messages")]
    # At most one for each second, and the rest at the end.
    assert 2 <= len(told) < 100
    assert "bad_id of q.commands" in told[0] and "not_json of q.commands" in told[-1]
    assert sum(int(text.split()[2].rstrip(":")) for text in told) == 2000


def test_nothing_is_parked_while_another_process_has_the_lease(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    park(client, 1)
    inbox = make_inbox(renews=False)
    delivery = must_take(inbox).deliveries[0]
    # A Redis that lost writes may still have the record.
    client.hset(f"{QUEUE}:lease", "owner", "another")
    delivery.park("not_json")
    inbox.flush()
    assert not client.exists(f"{QUEUE}:poison") and client.hlen(f"{QUEUE}:unacked") == 1


def test_what_is_large_is_cut_while_it_is_parked(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"x" * (KEPT_WHOLE + 1))
    assert take(make_inbox(limits=MessageLimits(max_bytes=100))) is None
    element = client.lindex(f"{QUEUE}:poison", 0)
    assert isinstance(element, bytes) and len(element) < 2 * KEPT_OF_LARGER


def test_one_pop_parks_few_messages(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, *[b"x" * 101] * 40)
    assert take(make_inbox(limits=MessageLimits(max_bytes=100)), most=256) is None
    assert client.llen(QUEUE) == 24
