"""An independent ledger of what was sent, against what ran, while owners are killed at random."""

import random
import time
from itertools import pairwise

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.servers import ChildProcess, RedisServer, wait_until
from tests.transport.elements import COMMANDS, note
from tests.transport.workers import StartWorker, is_owner, ledger, wait_for_ledger


def kill_run(
    client: redis.Redis,
    url: str,
    start_worker: StartWorker,
    kills: int,
    per_kill: int,
    between: bool = False,
    without: str = "",
) -> list[int]:
    """Sends numbered messages in ``kills`` parts, and kills the owner once in each; returns the ledger.

    ``between``: whoever says that its message is in neither place is killed, instead of the owner somewhere.
    """
    rng = random.Random(7)
    workers: list[ChildProcess] = []

    def start() -> None:
        # Long enough that a busy machine makes nobody lose it: what runs here is not fenced.
        workers.append(start_worker(url, ready=False, lease_s=3, without=without))

    def owner() -> ChildProcess | None:
        return next((worker for worker in workers if worker.running and is_owner(client, worker)), None)

    start()
    start()
    sent = 0
    for _ in range(kills):
        victim = wait_until(owner, what="an owner")
        client.delete("test.between")
        with client.pipeline(transaction=False) as pipe:
            for _ in range(per_kill):
                pipe.lpush(COMMANDS, note(sent))
                sent += 1
            pipe.execute()
        if between:
            told = wait_until(lambda: newest(client), what="a message in neither place")
            victim = next(worker for worker in workers if worker.pid == int(told))
        else:
            wait_for_ledger(client, sent - per_kill + 1)
            time.sleep(rng.uniform(0, 0.12))
        victim.kill()
        start()
    wait_until(lambda: not client.exists(COMMANDS, f"{COMMANDS}:unacked"), 120, "all to be done")
    return entries(client)


def newest(client: redis.Redis) -> bytes | None:
    """The process that said last that its message is in neither place, once."""
    told = client.rpop("test.between")
    assert told is None or isinstance(told, bytes)
    return told


def entries(client: redis.Redis) -> list[int]:
    return [int(entry) for entry in ledger(client)]


def first_runs(ran: list[int]) -> list[int]:
    return list(dict.fromkeys(ran))


def test_kills_lose_nothing_and_keep_the_order(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    kills, per_kill = 7, 150
    ran = kill_run(client, url, start_worker, kills, per_kill)
    assert first_runs(ran) == list(range(kills * per_kill)), (
        "each at least once, first runs in the order sent"
    )
    assert len(ran) <= kills * per_kill + kills, "at most the one in work runs again"
    # A repeated run comes at once after the run that its process did not live to settle.
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(ran))
    assert not client.exists(f"{COMMANDS}:returned", f"{COMMANDS}:waiting", f"{COMMANDS}:poison")


def test_without_the_atomic_pop_kills_lose_messages(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    kills, per_kill = 3, 2
    ran = kill_run(client, url, start_worker, kills, per_kill, between=True, without="pop_not_atomic")
    assert set(ran) < set(range(kills * per_kill)), "the harness sees a loss when there is one"


def test_kills_of_redis_lose_nothing_and_keep_the_order(
    mortal_server: RedisServer, start_worker: StartWorker
) -> None:
    """Redis writes its file at every command, and is killed while messages come and go."""
    rng = random.Random(3)
    count, sent = 400, 0
    # Nobody takes over because Redis was away: what runs here is not fenced.
    start_worker(mortal_server.url, ready=False, lease_s=60)
    worker = start_worker(mortal_server.url, lease_s=60)
    with redis.Redis.from_url(mortal_server.url, retry=Retry(NoBackoff(), 0)) as client:
        kill_at = {50, 130, 200, 290, 370}
        while sent < count:
            if sent in kill_at:
                kill_at.discard(sent)
                time.sleep(rng.uniform(0, 0.03))
                mortal_server.kill()
                mortal_server.start()
            try:
                client.lpush(COMMANDS, note(sent))
                sent += 1
            except redis.ConnectionError:
                # Whether it was accepted is not known: it is sent again.
                continue
        wait_until(lambda: not client.exists(COMMANDS, f"{COMMANDS}:unacked"), 120, "all to be done")
        assert first_runs(entries(client)) == list(range(count))
    assert worker.running
