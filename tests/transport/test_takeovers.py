"""Owners that are killed, stopped, told to end or cut off from Redis, and who goes on with their messages."""

import time

import pytest
import redis

from tests.support.servers import ChildProcess, RedisServer, wait_until
from tests.transport.elements import COMMANDS, element, note
from tests.transport.workers import STARTED, StartWorker, is_owner, ledger, leftovers, let_go, wait_for_ledger
from worker.transport import drain_parked_messages
from worker.transport.parked import ParkedMessage

SOON_S, LATE_S = 1.0, 30.0


def push(client: redis.Redis, *raw: bytes) -> None:
    client.lpush(COMMANDS, *raw)


def test_a_killed_workers_message_is_taken_over_first_and_in_order(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    push(client, element("test.hold", number=0))
    victim = start_worker(url, lease_s=SOON_S)
    wait_until(lambda: ledger(client, STARTED), what="the first to be in work")
    # Nothing is taken while something is in hand.
    push(client, *map(note, range(1, 6)))
    heir = start_worker(url, lease_s=SOON_S)
    assert client.llen(COMMANDS) == 5
    victim.kill()
    wait_until(lambda: len(ledger(client, STARTED)) == 2, what="the takeover")
    assert ledger(client, STARTED) == ["0:0:0", "0:1:1"]
    assert ledger(client) == []
    assert heir.running


def test_a_killed_workers_group_is_taken_over_first_and_in_order(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    """What it had settled is not run again, and of the others nobody is blamed."""
    push(client, note(0), element("test.hold", number=1), *map(note, range(2, 6)))
    victim = start_worker(url, lease_s=SOON_S)
    wait_until(lambda: ledger(client, STARTED), what="the second to be in work")
    assert ledger(client) == ["0"]
    assert client.hlen(f"{COMMANDS}:unacked") == 5
    push(client, note(6))
    heir = start_worker(url, lease_s=SOON_S)
    victim.kill()
    wait_until(lambda: len(ledger(client, STARTED)) == 2, what="the takeover")
    let_go(client, 1)
    wait_until(lambda: len(ledger(client)) == 7, what="the rest")
    assert ledger(client) == [str(number) for number in range(7)]
    assert ledger(client, STARTED) == ["1:0:0", "1:1:0"]
    wait_until(lambda: not leftovers(client), what="the settlements")
    assert heir.running


@pytest.mark.parametrize("without", ["restore_to_the_tail", "no_lease+keep_leftovers"])
def test_without_the_protection_newer_messages_go_first(
    client: redis.Redis, url: str, start_worker: StartWorker, without: str
) -> None:
    """The counterpart."""
    push(client, element("test.hold", number=0))
    victim = start_worker(url, without=without, lease_s=SOON_S)
    wait_until(lambda: client.exists(STARTED), what="the first to be in work")
    push(client, note(1), note(2))
    victim.kill()
    start_worker(url, without=without, ready=False, lease_s=SOON_S)
    wait_until(lambda: ledger(client) == ["1", "2"], what="newer messages to go first")


def test_on_sigterm_work_is_finished_and_a_standby_goes_on_at_once(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    push(client, element("test.hold", number=0), *map(note, range(1, 6)))
    first = start_worker(url, lease_s=LATE_S)
    wait_until(lambda: ledger(client, STARTED), what="the first to be in work")
    start_worker(url, lease_s=LATE_S)
    first.terminate()
    wait_until(lambda: "Warm shutdown" in first.output(), what="the signal to be taken")
    assert ledger(client) == []
    let_go(client, 0)
    assert first.wait() == 0
    wait_until(lambda: ledger(client) == [str(number) for number in range(6)], what="the standby")
    assert ledger(client, STARTED) == ["0:0:0"]


def test_on_sigterm_what_waits_is_given_back_to_the_head_uncounted(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    push(client, element("test.wait", number=0), note(1))
    first = start_worker(url, lease_s=LATE_S)
    wait_until(lambda: ledger(client, STARTED), what="the first to wait")
    first.terminate()
    assert first.wait() == 0
    assert client.llen(COMMANDS) == 2
    assert not client.exists(f"{COMMANDS}:unacked")
    start_worker(url, ready=False)
    wait_until(lambda: len(ledger(client, STARTED)) == 2, what="the standby to have it")
    assert ledger(client, STARTED)[1] == "0:1:0"
    assert ledger(client) == []


def test_a_frozen_owner_that_wakes_up_changes_nothing(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    push(client, element("test.hold", number=0), note(1))
    zombie = start_worker(url, lease_s=SOON_S)
    wait_until(lambda: ledger(client, STARTED), what="the first to be in work")
    zombie.pause()
    # Nobody takes the queue from it when it is slow.
    heir = start_worker(url, lease_s=LATE_S)
    wait_until(lambda: len(ledger(client, STARTED)) == 2, what="the takeover")
    let_go(client, 0)
    wait_until(lambda: ledger(client) == ["0", "1"], what="the heir to run both")
    push(client, element("test.hold", number=2))
    wait_until(lambda: len(ledger(client, STARTED)) == 3, what="the heir to have the next in work")
    held = client.hgetall(f"{COMMANDS}:unacked")
    zombie.resume()
    wait_until(lambda: "came too late" in zombie.output(), what="the refusal of the zombie's ack")
    assert client.hgetall(f"{COMMANDS}:unacked") == held
    let_go(client, 2)
    wait_until(lambda: ledger(client)[-1] == "2" and not leftovers(client), what="the rest")
    assert zombie.running
    assert heir.running


def wait_for_end_or_ledger(worker: ChildProcess, client: redis.Redis) -> None:
    wait_until(lambda: not worker.running or ledger(client), what="its end, or the good message")


def test_a_message_that_kills_its_workers_is_parked(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    _die_of(client, url, start_worker, workers=5)
    assert ledger(client) == ["1"]
    # The first death was in company, and blames neither.
    assert len(ledger(client, STARTED)) == 4
    parked: list[ParkedMessage] = []
    drain_parked_messages(client, COMMANDS, parked.extend)
    assert [(entry.reason, entry.deaths) for entry in parked] == [("deaths", 3)]


def test_without_counting_alone_its_neighbour_is_parked_too(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    """The counterpart."""
    _die_of(client, url, start_worker, workers=3, without="every_death_counts+never_alone")
    parked: list[ParkedMessage] = []
    start_worker(url, ready=False, max_deaths=3, without="every_death_counts+never_alone")
    wait_until(lambda: client.llen(f"{COMMANDS}:poison") == 2, what="both to be parked")
    drain_parked_messages(client, COMMANDS, parked.extend)
    assert {(entry.reason, entry.deaths) for entry in parked} == {("deaths", 3)}
    assert ledger(client) == []


def _die_of(
    client: redis.Redis, url: str, start_worker: StartWorker, workers: int, without: str = ""
) -> None:
    """One after the other takes a message that kills it, with another one behind it."""
    push(client, element("test.die"), note(1))
    for _ in range(workers):
        client.hset(f"{COMMANDS}:lease", "until", 0)
        worker = start_worker(url, ready=False, max_deaths=3, without=without)
        wait_for_end_or_ledger(worker, client)


def test_a_worker_that_gives_up_leaves_the_queue_to_the_standby(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    owner = start_worker(url, lease_s=LATE_S)
    wait_until(lambda: is_owner(client, owner), what="its lease")
    standby = start_worker(url, lease_s=LATE_S)
    push(client, element("test.surrender", number=7))
    wait_until(lambda: len(ledger(client)) == 2, what="both to have it")
    assert ledger(client) == [f"7:{owner.pid}:0", f"7:{standby.pid}:1"]
    wait_until(lambda: not leftovers(client), what="the settlement")


def test_redis_may_die_and_return_under_a_running_task(
    mortal_server: RedisServer, start_worker: StartWorker
) -> None:
    with redis.Redis.from_url(mortal_server.url) as client:
        worker = start_worker(mortal_server.url)
        push(client, element("test.wait", number=0), *map(note, range(1, 4)))
        wait_until(lambda: ledger(client, STARTED), what="the first to be in work")
        mortal_server.kill()
        wait_until(lambda: "no connection to" in worker.output(), what="the worker to notice")
        mortal_server.start()
        wait_until(lambda: worker.output().count("Connected to ") == 2, what="the worker to be back")
        assert worker.output().count("no connection to") == 1, "it is told once, not at each try"
        let_go(client, 0)
        wait_until(lambda: len(ledger(client)) == 4, what="all to run")
        wait_until(lambda: not leftovers(client), what="the settlements")
        assert ledger(client, STARTED) == ["0:0:0"], "and the running one only once"
        for _ in range(3):
            mortal_server.kill()
            time.sleep(0.3)
            mortal_server.start()
            had = len(ledger(client))
            push(client, note(9))
            wait_for_ledger(client, had + 1)
        assert worker.running


def test_a_worker_told_to_end_while_redis_is_away_ends(
    mortal_server: RedisServer, start_worker: StartWorker
) -> None:
    worker = start_worker(mortal_server.url)
    mortal_server.kill()
    wait_until(lambda: "no connection to" in worker.output(), what="the worker to notice")
    worker.terminate()
    assert worker.wait() == 0
