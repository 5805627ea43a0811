"""A Redis that is full: taking, settling and renewing go on, and need no memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.support.seams import take_out
from tests.support.servers import Binary, RedisServer, redis_by_age, start_redis
from tests.transport.inboxes import QUEUE, SHARED, MakeInbox, must_pop, must_take, rest, take_over
from tests.transport.protections import PROTECTIONS
from worker.transport.inbox import Inbox

pytestmark = pytest.mark.process


@pytest.fixture(params=redis_by_age(), ids=lambda binary: str(binary.version_text))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    binary: Binary = request.param
    made = start_redis(tmp_path / "redis", appendfsync=None, binary=binary)
    yield made
    made.kill()


def fill(client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        client.set("x", "y")


def _take(inbox: Inbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one", b"two")
    fill(client)
    assert [each.raw for each in must_take(inbox, most=2).deliveries] == [b"one", b"two"]


def _take_shared(inbox: Inbox, client: redis.Redis) -> None:
    client.lpush(SHARED, b"one")
    fill(client)
    assert must_pop(inbox, SHARED).raw == b"one"


def _take_back(inbox: Inbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    client.hset(f"{QUEUE}:unacked", "dead:1", b"zero")
    client.hset(f"{QUEUE}:lease", mapping={"owner": "dead", "until": 1, "epoch": 7})
    fill(client)
    assert must_pop(inbox).raw == b"zero"
    assert rest(client) == [b"one"]


def _settle(action: str, *arguments: str) -> Callable[[Inbox, redis.Redis], None]:
    def settle(inbox: Inbox, client: redis.Redis) -> None:
        client.lpush(QUEUE, b"one")
        delivery = must_pop(inbox)
        fill(client)
        inbox.settle(delivery, action, *arguments)
        inbox.flush()
        assert not client.exists(f"{QUEUE}:unacked")

    settle.__name__ = action
    return settle


def _note_a_wait(inbox: Inbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    group = must_take(inbox)
    fill(client)
    assert inbox.note_waits(group.deliveries)
    assert client.scard(f"{QUEUE}:waiting") == 1


def _renew(inbox: Inbox, client: redis.Redis) -> None:
    client.lpush(QUEUE, b"one")
    epoch = must_take(inbox).epoch
    fill(client)
    assert inbox.leases.confirm(QUEUE, epoch)
    assert inbox.leases.raise_epoch(QUEUE, epoch, epoch + 9) == epoch + 9


def _renew_shared(inbox: Inbox, client: redis.Redis) -> None:
    client.lpush(SHARED, b"one")
    must_take(inbox, SHARED)
    fill(client)
    for state in inbox.leases.states:
        inbox.leases.renew(state)


def _release(queue: str) -> Callable[[Inbox, redis.Redis], None]:
    def release(inbox: Inbox, client: redis.Redis) -> None:
        client.lpush(queue, b"one")
        must_take(inbox, queue)
        fill(client)
        inbox.forget(queue)
        assert rest(client, queue) == [b"one"]

    release.__name__ = f"release_{queue}"
    return release


Step = Callable[[Inbox, redis.Redis], None]

REMOVALS: list[Step] = [
    _settle("ack"),
    _settle("back"),
    _settle("failed", "1"),
    _settle("park", "reason", "0", ""),
    _settle("forward", "elsewhere"),
]
OTHERS: list[Step] = [
    _take,
    _take_shared,
    _take_back,
    _note_a_wait,
    _renew,
    _renew_shared,
    _release(QUEUE),
    _release(SHARED),
]


def name_of(step: Step) -> str:
    return step.__name__.strip("_")


@pytest.mark.parametrize("step", [*REMOVALS, *OTHERS], ids=name_of)
def test_a_full_redis_lets_it_happen(make_inbox: MakeInbox, client: redis.Redis, step: Step) -> None:
    step(make_inbox(renews=False), client)


@pytest.mark.parametrize("step", OTHERS, ids=name_of)
def test_without_a_first_write_that_needs_no_memory_it_does_not(
    make_inbox: MakeInbox,
    client: redis.Redis,
    step: Step,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The counterpart."""
    take_out(PROTECTIONS, "needs_memory", monkeypatch.setattr)
    inbox = make_inbox(renews=False)
    with pytest.raises((redis.ResponseError, AssertionError)):
        step(inbox, client)
    client.config_set("maxmemory", 0)


def test_messages_that_go_round_at_a_full_redis_need_no_more_memory(
    make_inbox: MakeInbox, client: redis.Redis
) -> None:
    client.lpush(QUEUE, *(b"%d" % number * 1000 for number in range(200)))
    inbox, other = make_inbox(renews=False), make_inbox(renews=False)
    must_take(inbox, most=50).give_back()
    inbox.flush()
    client.config_set("maxmemory", 1)
    used = int(client.info("memory")["used_memory"])
    for _ in range(5):
        must_take(inbox, most=50)
        inbox.release(inbox.leases.begin(QUEUE))
        assert take_over(other)
        other.release(other.leases.begin(QUEUE))
    assert int(client.info("memory")["used_memory"]) < used + 100_000
