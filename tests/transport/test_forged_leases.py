"""What anyone who can write to Redis puts into a lease, or beside it: no more than a new beginning comes of it."""

import logging

import pytest
import redis

from tests.transport.inboxes import QUEUE, MakeInbox, must_take, raws, take, take_over_group
from worker.transport.inspect import queue_statuses

NO_EPOCHS = [
    *(
        "1e20",
        "nan",
        "-nan",
        "inf",
        "-inf",
        "1e12",
        "0x10",
        "",
        " 1",
        "1 ",
        "1\n",
        "1.5",
        "-1",
        "-0",
        "+1",
        "text",
    ),
    *(str(2**62), str(2**63 - 10), str(2**63), "9" * 400, "1\x00", "\xff", "१२३"),
]
NO_TIMES = ["nan", "-nan", "inf", "1e20", "-1", "text", "", "\xff", "9" * 400, str(2**63)]
DAY_MS = 24 * 3600 * 1000
LEASE = f"{QUEUE}:lease"


def now_ms(client: redis.Redis) -> int:
    return int(client.time()[0]) * 1000


def a_day_and_more(client: redis.Redis) -> str:
    return str(now_ms(client) + DAY_MS + 60_000)


def test_a_new_owner_begins_anew_where_the_epoch_is_none(make_inbox: MakeInbox, client: redis.Redis) -> None:
    for forged in [*NO_EPOCHS, a_day_and_more(client)]:
        client.delete(LEASE)
        client.hset(LEASE, mapping={"epoch": forged.encode("latin-1", "replace")})
        client.lpush(QUEUE, b"one")

        group = must_take(make_inbox(lease_s=60))

        assert abs(group.epoch - now_ms(client)) < 10_000, forged
        assert client.hget(LEASE, "epoch") == str(group.epoch).encode()


def test_an_owner_goes_on_when_its_epoch_is_overwritten(
    make_inbox: MakeInbox, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = make_inbox(lease_s=60)
    for forged in [*NO_EPOCHS, a_day_and_more(client)]:
        client.lpush(QUEUE, b"one", b"two")
        group = must_take(inbox)
        client.hset(LEASE, "epoch", forged.encode("latin-1", "replace"))
        inbox.leases.renew_all()
        assert not group.holds_lease(), forged
        group.give_back()
        caplog.clear()

        with caplog.at_level(logging.ERROR):
            again = must_take(inbox, most=2)

        assert raws(again) == [b"one", b"two"] and again.holds_lease()
        assert abs(again.epoch - now_ms(client)) < 10_000, forged
        assert "the lease is begun anew" in caplog.text
        for delivery in again.deliveries:
            delivery.ack()
        inbox.flush()


def test_an_epoch_is_not_raised_by_more_than_a_day(make_inbox: MakeInbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    group = must_take(make_inbox(lease_s=60))
    before = group.epoch
    for least in (2**62 + 1, 2**63, int(a_day_and_more(client))):
        assert group.raise_epoch(least) == before == group.epoch
    assert group.holds_lease()
    within = now_ms(client) + DAY_MS - 60_000
    assert group.raise_epoch(within) == within and group.holds_lease()


def test_a_lease_that_ends_at_no_time_has_ended(make_inbox: MakeInbox, client: redis.Redis) -> None:
    for forged in NO_TIMES:
        client.hset(LEASE, mapping={"owner": "mallory", "epoch": 1, "until": forged.encode("latin-1")})
        client.lpush(QUEUE, b"one")
        inbox = make_inbox(lease_s=60)
        group = must_take(inbox)

        client.hset(LEASE, "until", forged.encode("latin-1"))
        group.deliveries[0].ack()
        inbox.flush()

        assert not client.exists(f"{QUEUE}:unacked"), forged
        assert take(inbox) is None
        assert int(client.hget(LEASE, "until") or 0) > now_ms(client)


def test_deaths_that_are_no_number_are_none(make_inbox: MakeInbox, client: redis.Redis) -> None:
    digest = "fe05bcdcdc4928012781a5f1a2a77cbb5398e106"
    for forged in NO_TIMES[:-1]:
        client.hset(f"{QUEUE}:returned", digest, forged.encode("latin-1"))
        client.lpush(QUEUE, b"one")
        first = make_inbox(renews=False)
        assert take_over_group(first).deliveries[0].deaths == 0
        second = make_inbox()
        group = take_over_group(second)
        assert raws(group) == [b"one"] and group.deliveries[0].deaths == 1
        group.deliveries[0].ack()
        second.flush()
        second.forget(QUEUE)


def test_an_operator_is_shown_forged_leases(client: redis.Redis) -> None:
    for forged in [*NO_EPOCHS, *NO_TIMES]:
        value = forged.encode("latin-1", "replace")
        client.hset(LEASE, mapping={"owner": b"\xff\xfe", "epoch": value, "until": value})
        (status,) = queue_statuses(client, [QUEUE], [])
        assert status.epoch >= 0 and status.owned_for_s >= 0
