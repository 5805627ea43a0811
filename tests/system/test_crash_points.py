"""After each step of a command, of the sweep and of a takeover, the process is ended on purpose."""

import itertools
from collections.abc import Iterator

import pytest

from tests.support.servers import MongoReplicaSet, start_redis, wait_until
from tests.system import points
from tests.system.stand import QUEUE, Stand, registration, send_story, standing

_domains = itertools.count(1)

#: The passing at which the process ends: the register (1) to the batch (4) and the deregister (5) are each hit.
_NTH = [
    *zip(points.OF_A_COMMAND, itertools.cycle((2, 1, 4, 3, 5)), strict=False),
    *(("after_decide", 5), ("before_write", 4), ("after_write", 4), ("after_publish", 4), ("before_ack", 4)),
]


@pytest.fixture(scope="module")
def stand(mongodb_server: MongoReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One deployment for all crashes: the standby of one is the owner of the next."""
    folder = tmp_path_factory.mktemp("crash-points")
    redis = start_redis(folder / "redis", appendfsync=None)
    with standing(redis.url, mongodb_server.url(f"crash_{redis.port}"), folder) as stand:
        yield stand
    redis.stop()


@pytest.fixture
def domain(stand: Stand) -> str:
    stand.ready()
    return f"d{next(_domains)}"


@pytest.mark.parametrize(("point", "nth"), _NTH)
def test_of_a_command(stand: Stand, domain: str, point: str, nth: int) -> None:
    stand.arm(point, nth)

    sent = send_story(stand, domain)

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
