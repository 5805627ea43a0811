"""After each step of a command, of the sweep and of a takeover, the process is ended on purpose."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.servers import MongoReplicaSet, start_redis, wait_until
from tests.system import points
from tests.system.stand import QUEUE, Stand, registration, send_group, send_story, standing

_domains = itertools.count(1)

_CYCLE = list(zip(points.OF_A_COMMAND, itertools.cycle((2, 1, 4, 3, 5)), strict=False))
#: The passing at which the process ends: the register (1) to the batch (4) and the deregister (5) are each hit.
_OF_SINGLES = [
    *((point, nth) for point, nth in _CYCLE if point not in ("before_read", "amid_publish")),
    # Only what the owner has not written last is read, and only the batch has events of several plugins.
    *(("before_read", 1), ("before_read", 2), ("amid_publish", 1)),
    *(("after_decide", 5), ("before_write", 4), ("after_write", 4), ("after_publish", 4), ("before_ack", 4)),
]
#: One for each group; those that are passed for each message are hit at the first, in the middle, at the last.
_OF_A_GROUP = [
    *((point, 1) for point in points.OF_A_COMMAND),
    *((point, nth) for point in points.OF_EACH for nth in (5, 12)),
]
_OF_A_MISS = [
    *(("after_second_read", 1), ("after_decide", 17), ("after_decide", 22), ("before_write", 2)),
    *(("after_write", 1), ("after_write", 2), ("before_publish", 1), ("after_publish", 1), ("before_ack", 6)),
]

MakeStand = Callable[..., Stand]


@pytest.fixture(scope="module")
def make_stand(
    mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeStand]:
    """One deployment for all crashes of a kind: the standby of one is the owner of the next."""
    folder = tmp_path_factory.mktemp("crash-points")
    made: dict[str, Stand] = {}
    with contextlib.ExitStack() as opened:

        def make(name: str, **options: Any) -> Stand:
            if name not in made:
                for other in made.values():
                    other.stop()
                redis = start_redis(folder / name / "redis", appendfsync=None)
                opened.callback(redis.stop)
                url = mongodb_server.url(f"crash_{redis.port}")
                made[name] = opened.enter_context(standing(redis.url, url, folder / name, **options))
            made[name].ready()
            return made[name]

        yield make


@pytest.fixture
def stand(make_stand: MakeStand) -> Stand:
    """Workers that take one message at a time."""
    return make_stand("singles", group_max=1)


@pytest.fixture
def domain() -> str:
    return f"d{next(_domains)}"


@pytest.mark.parametrize(("point", "nth"), _OF_SINGLES)
def test_of_a_command(stand: Stand, domain: str, point: str, nth: int) -> None:
    stand.arm(point, nth)

    sent = send_story(stand, domain)

    assert stand.fired().returncode == -9
    stand.start()
    stand.answered(*sent)
    stand.inspect().assert_clean()


@pytest.mark.parametrize(("point", "nth"), _OF_A_GROUP)
def test_of_a_group(make_stand: MakeStand, domain: str, point: str, nth: int) -> None:
    _crash_a_group(make_stand("group"), domain, point, nth)


@pytest.mark.parametrize(("point", "nth"), _OF_A_MISS)
def test_of_a_group_that_had_a_miss(make_stand: MakeStand, domain: str, point: str, nth: int) -> None:
    """The first of its plugins has changed since it was read: its commands are decided again, the others stand."""
    _crash_a_group(make_stand("miss", without="miss"), domain, point, nth)


def _crash_a_group(stand: Stand, domain: str, point: str, nth: int) -> None:
    stand.arm(point, nth)

    sent = send_group(stand, domain)

    assert stand.fired().returncode == -9
    stand.start()
    stand.answered(*sent)
    stand.inspect().assert_clean()


@pytest.mark.parametrize("point", points.OF_A_SWEEP)
def test_of_the_sweep(stand: Stand, domain: str, point: str) -> None:
    """Every write leaves the sweep an outbox to clear; what it publishes is left by a worker that does not."""
    stand.stop()
    silent = stand.start(TEST_WITHOUT="publishing")
    stand.send(f"{domain}-1", "register", **registration(domain, "jira"))
    stand.answered(f"{domain}-1")
    # Were the command delivered again, its own event could go out with it, before the sweep comes to it.
    wait_until(lambda: not stand.redis.exists(f"{QUEUE}:unacked"), 60, "the acknowledgement")
    silent.kill()
    stand.arm(point)
    stand.start()

    sent = send_story(stand, f"{domain}-x")

    assert stand.fired().returncode == -9
    stand.start()
    stand.answered(*sent)
    stand.inspect().assert_clean()


def test_of_a_takeover(stand: Stand, domain: str) -> None:
    """The one who takes over ends as soon as it has the lease, and what was unacked is back in the queue."""
    # The standby is not let at the queue before the second point is armed.
    standby = stand.standby()
    standby.pause()
    stand.arm("after_decide", 2)
    sent = send_story(stand, domain)
    assert stand.fired().returncode == -9
    stand.arm("after_takeover")
    standby.resume()
    stand.start()

    assert stand.fired().returncode == -9

    stand.ready(1)
    stand.answered(*sent)
    stand.inspect().assert_clean()
