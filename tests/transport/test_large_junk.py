"""Messages above 8 MiB are cut while they are parked; what was parked whole is cut on its way out of Redis."""

from collections.abc import Iterator

import pytest
import redis

from tests.support.servers import RedisServer, redis_by_age, start_redis
from tests.transport.inboxes import QUEUE, must_take, open_inbox, raws
from worker.transport import drain_parked_messages
from worker.transport.cut import KEPT_OF_LARGER, KEPT_WHOLE, cut
from worker.transport.inbox import Inbox
from worker.transport.parked import ParkedMessage
from worker.transport.protocol import MessageLimits

pytestmark = pytest.mark.process

POISON = f"{QUEUE}:poison"
LARGE = b"beginning" + bytes(range(256)) * (KEPT_WHOLE // 256) + b"end"


@pytest.fixture(scope="module", params=redis_by_age(), ids=lambda binary: f"redis {binary.version}")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Each Redis at hand: the sandbox of scripts is not the same in all of them."""
    started = start_redis(tmp_path_factory.mktemp("redis"), appendfsync=None, binary=request.param)
    yield started
    started.stop()


@pytest.fixture
def inbox(server: RedisServer) -> Iterator[Inbox]:
    opened = open_inbox(server, limits=MessageLimits(max_bytes=100))
    opened.client.flushall()
    yield opened
    opened.close()


def drain(client: redis.Redis) -> list[ParkedMessage]:
    parked: list[ParkedMessage] = []
    while drain_parked_messages(client, QUEUE, parked.extend):
        pass
    return parked


def park_all(inbox: Inbox) -> None:
    state = inbox.leases.begin(QUEUE)
    while inbox.client.exists(QUEUE):
        assert inbox.exchange(state, 10) is None


def test_redis_keeps_the_beginning_of_a_large_message_alone(inbox: Inbox) -> None:
    inbox.client.lpush(QUEUE, LARGE)
    park_all(inbox)
    assert inbox.client.memory_usage(POISON) < 2 * KEPT_OF_LARGER  # type: ignore[operator]  # None: not kept, a failure
    (message,) = drain(inbox.client)
    assert (message.reason, message.raw) == ("oversize", LARGE[:KEPT_OF_LARGER])
    assert (message.size, message.digest) == (len(LARGE), cut(LARGE).digest)
    # Nothing of it stays in the memory of the scripts.
    assert inbox.client.info("memory")["used_memory_lua"] < 4 * 1024 * 1024


def test_a_message_of_8_mib_is_kept_whole(inbox: Inbox) -> None:
    inbox.client.lpush(QUEUE, LARGE[:KEPT_WHOLE])
    park_all(inbox)
    (message,) = drain(inbox.client)
    assert (message.raw, message.size, message.digest) == (LARGE[:KEPT_WHOLE], KEPT_WHOLE, None)


def test_one_pop_parks_few_large_messages(inbox: Inbox) -> None:
    """Redis serves nobody else meanwhile."""
    inbox.client.lpush(QUEUE, *[LARGE] * 4, b"good")
    state = inbox.leases.begin(QUEUE)
    for left in (4, 3, 2):
        assert inbox.exchange(state, 10) is None
        assert inbox.client.llen(QUEUE) == left
    inbox.exchange(state, 10)
    assert raws(must_take(inbox, most=10)) == [b"good"]


def test_a_message_that_was_parked_whole_is_cut_where_it_is(inbox: Inbox) -> None:
    """A worker of before parks it so."""
    header = b"oversize\n1700000000000 host:1:a:7:0\n0\n\n"
    inbox.client.lpush(POISON, b"not_json\n1700000000000 x\n0\n\n{", header + LARGE, LARGE)
    first, second, foreign = drain(inbox.client)
    assert (first.raw, first.digest) == (b"{", None)
    assert (second.reason, second.raw) == ("oversize", LARGE[:KEPT_OF_LARGER])
    assert (second.size, second.digest) == (len(LARGE), cut(LARGE).digest)
    assert (foreign.reason, foreign.raw) == ("foreign_element", LARGE[:KEPT_OF_LARGER])
    assert (foreign.size, foreign.digest) == (len(LARGE), cut(LARGE).digest)
    assert not inbox.client.exists(POISON)


def test_a_worker_of_before_reads_what_was_cut(inbox: Inbox) -> None:
    inbox.client.lpush(QUEUE, LARGE)
    park_all(inbox)
    element = inbox.client.lindex(POISON, -1)
    assert isinstance(element, bytes)
    # What its drain does with an element.
    reason, at, deaths, detail, raw = element.split(b"\n", 4)
    assert (reason, int(deaths), detail, raw) == (b"oversize", 0, b"", LARGE[:KEPT_OF_LARGER])
    assert int(at.split()[0]) > 1_700_000_000_000


@pytest.mark.parametrize(
    "stamp",
    [b"1 m x 0123", b"1 m 9 " + b"g" * 40, b"1 m -1 " + b"a" * 40, b"1 m " + b"9" * 40 + b" " + b"a" * 40],
)
def test_what_is_made_up_is_storable_at_least(inbox: Inbox, stamp: bytes) -> None:
    inbox.client.lpush(POISON, b"oversize\n" + stamp + b"\n" + b"9" * 30 + b"\n\nraw")
    (message,) = drain(inbox.client)
    assert abs(message.size) <= 2**53 and message.deaths <= 2**53


def test_a_drain_takes_many_at_once_and_few_if_they_are_large(inbox: Inbox) -> None:
    inbox.client.lpush(POISON, *[b"not_json\n1 %d\n0\n\n{" % number for number in range(600)])
    sizes: list[int] = []
    while drain_parked_messages(inbox.client, QUEUE, lambda parked: sizes.append(len(parked))):
        pass
    assert sizes == [500, 100]
    mib = b"x" * 1024 * 1024
    inbox.client.lpush(POISON, *[b"not_json\n1 %d\n0\n\n" % number + mib for number in range(6)])
    sizes.clear()
    while drain_parked_messages(inbox.client, QUEUE, lambda parked: sizes.append(len(parked))):
        pass
    assert sizes == [3, 3]


def test_a_drain_leaves_what_came_behind_what_it_has_stored(inbox: Inbox) -> None:
    inbox.client.lpush(POISON, b"not_json\n1 a\n0\n\n{")

    def sink(parked: object) -> None:
        # Another process has drained it meanwhile, and something else stands there.
        inbox.client.rpop(POISON)
        inbox.client.lpush(POISON, b"not_json\n1 b\n0\n\n{")

    assert drain_parked_messages(inbox.client, QUEUE, sink) == 1
    assert inbox.client.lrange(POISON, 0, -1) == [b"not_json\n1 b\n0\n\n{"]
