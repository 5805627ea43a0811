"""An independent ledger of what was sent, against what ran, while owners are killed at random."""

import json
import random
import signal
import time
from itertools import pairwise

import pytest
import redis

from tests.transport.transport_harness import Server, Worker, task_message, until

LEDGER = "test.ledger"


def kill_run(
    client, server: Server, start_worker, kills: int, per_kill: int, between: bool = False, **environment: str
) -> list[int]:
    """Sends numbered messages in ``kills`` parts, and kills the owner once in each; returns the ledger.

    ``between``: whoever says that its message is in neither place is killed, instead of the owner somewhere.
    """
    rng = random.Random(7)
    workers: list[Worker] = []

    def start() -> None:
        workers.append(start_worker(server.url, TEST_LEASE_S="2", **environment))

    start()
    start()
    sent = 0
    for _ in range(kills):
        pid = until(
            lambda: owner_of(client, [worker.pid for worker in workers if worker.alive]), what="an owner"
        )
        with client.pipeline(transaction=False) as pipe:
            for _ in range(per_kill):
                pipe.lpush("test.commands", json.dumps(task_message("test.note", sent)))
                sent += 1
            pipe.execute()
        if between:
            pid = int(until(lambda: client.getdel("test.between"), what="a message in neither place"))
        else:
            until(lambda goal=sent - per_kill: client.llen(LEDGER) + per_kill > goal, what="work goes on")
            time.sleep(rng.uniform(0, 0.12))
        next(worker for worker in workers if worker.pid == pid).signal(signal.SIGKILL)
        start()
    until(lambda: not client.exists("test.commands", "test.commands:unacked"), 120, "all is done")
    return [int(entry) for entry in client.lrange(LEDGER, 0, -1)]


def owner_of(client, alive: list[int]) -> int | None:
    owner = client.hget("test.commands:lease", "owner")
    pid = int(owner.split(b":")[1]) if owner else None
    return pid if pid in alive else None


def first_runs(entries: list[int]) -> list[int]:
    return list(dict.fromkeys(entries))


def test_kills_lose_nothing_and_keep_the_order(client, server, start_worker):
    kills, per_kill = 7, 150
    entries = kill_run(client, server, start_worker, kills, per_kill)
    assert first_runs(entries) == list(range(kills * per_kill)), (
        "each at least once, first runs in the order sent"
    )
    assert len(entries) <= kills * per_kill + kills, "at most the one in work runs again"
    # A repeated run comes at once after the run that its process did not live to settle.
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(entries))
    assert not client.exists("test.commands:returned", "test.commands:waiting", "test.commands:poison")


def test_without_the_atomic_pop_kills_lose_messages(client, server, start_worker):
    kills, per_kill = 3, 2
    environment = {"TEST_SUBSTITUTIONS": "pop_not_atomic"}
    entries = kill_run(client, server, start_worker, kills, per_kill, between=True, **environment)
    assert set(entries) < set(range(kills * per_kill)), "the harness sees a loss when there is one"


@pytest.mark.parametrize("substitution", ["restore_to_the_tail", "no_lease+keep_strays"])
def test_without_the_protection_newer_messages_go_first(client, server, start_worker, substitution):
    """The counterpart of the takeover that test_worker proves."""
    client.lpush("test.commands", json.dumps(task_message("test.slow", kwargs={"number": 0, "seconds": 90})))
    for number in (1, 2):
        client.lpush("test.commands", json.dumps(task_message("test.note", number)))
    environment = {"TEST_LEASE_S": "1", "TEST_SUBSTITUTIONS": substitution}
    victim = start_worker(server.url, **environment).ready()
    until(lambda: client.exists("test.started"), what="the first is in work")
    victim.kill()
    start_worker(server.url, **environment).ready()
    until(lambda: client.lrange(LEDGER, 0, -1) == [b"1", b"2"], what="newer messages go first")


def test_kills_of_redis_lose_nothing_and_keep_the_order(mortal_server, start_worker):
    """Redis writes its file at every command, and is killed while messages come and go."""
    rng = random.Random(3)
    count, sent = 400, 0
    start_worker(mortal_server.url)
    worker = start_worker(mortal_server.url).ready()
    with redis.Redis.from_url(mortal_server.url, retry=None) as client:
        kill_at = {50, 130, 200, 290, 370}
        while sent < count:
            if sent in kill_at:
                kill_at.discard(sent)
                time.sleep(rng.uniform(0, 0.03))
                mortal_server.kill()
                mortal_server.start()
            try:
                client.lpush("test.commands", json.dumps(task_message("test.note", sent)))
                sent += 1
            except redis.ConnectionError:
                # Whether it was accepted is not known: it is sent again.
                continue
        until(lambda: not client.exists("test.commands", "test.commands:unacked"), 120, "all is done")
        assert first_runs([int(entry) for entry in client.lrange(LEDGER, 0, -1)]) == list(range(count))
    assert worker.alive
