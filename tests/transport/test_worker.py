"""Real worker processes on a real Redis: poison, kills, stops, takeovers."""

import json
import signal
import time

import pytest
import redis
from celery import Celery

from tests.transport.poison_shapes import SHAPES
from tests.transport.transport_harness import Server, binaries, task_message, until
from worker.transport import drain_dead_messages

LEDGER = "test.ledger"
LEASE_S = 1.5


def ledger(client, key=LEDGER):
    return [entry.decode() for entry in client.lrange(key, 0, -1)]


def numbers(count):
    return [str(number) for number in range(count)]


def push(client, count, task="test.note", queue="test.commands"):
    with client.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.lpush(queue, json.dumps(task_message(task, number)))
        pipe.execute()


def leftovers(client, queue="test.commands"):
    return client.exists(queue, f"{queue}:unacked", f"{queue}:returned", f"{queue}:waiting")


@pytest.mark.parametrize("queue", ["test.commands", "test.queries"])
def test_no_shape_of_message_ends_the_worker_and_none_is_dropped(client, server, start_worker, send, queue):
    worker = start_worker(server.url, queue).ready()
    for raw, _ in SHAPES.values():
        client.lpush(queue, raw)
    send("test.note", 12345, queue=queue)
    until(lambda: "12345" in ledger(client), what="the message behind the poison ran")
    until(lambda: not leftovers(client, queue), what="nothing is left")
    assert worker.alive and not worker.said("Reconnecting") and not worker.said("Trying to reconnect")
    parked = []
    drain_dead_messages(client, queue, parked.append, limit=1000)
    expected = {
        (raw, "unknown_task" if fate == "unknown" else reason)
        for raw, (fate, reason) in SHAPES.values()
        if fate in ("parked", "unknown")
    }
    assert {(entry.raw, entry.reason) for entry in parked} == expected
    fates = [fate for _, (fate, _) in SHAPES.values()]
    refused = [entry.split(":", 1)[1] for entry in ledger(client, "test.refused")]
    assert sorted(refused) == sorted(reason for _, (fate, reason) in SHAPES.values() if fate == "refused")
    assert len(ledger(client, "test.answered")) == fates.count("unknown")
    assert len(ledger(client)) == fates.count("ran") + 1


@pytest.mark.process
@pytest.mark.parametrize("version", binaries())
def test_stock_publishers_remote_control_and_all_priorities_work(version, start_worker, tmp_path):
    server = Server(binaries()[version], tmp_path)
    publisher = Celery(broker=server.url, set_as_current=False)
    try:
        worker = start_worker(server.url, "test.commands,test.queries").ready()
        for priority in (0, 3, 6, 9):
            number = {"number": priority}
            publisher.send_task("test.note", kwargs=number, queue="test.commands", priority=priority)
        publisher.send_task("test.note", kwargs={"number": 100}, queue="test.queries")
        with redis.Redis.from_url(server.url) as client:
            until(lambda: len(ledger(client)) == 5, what="all have run")
            assert sorted(ledger(client), key=int) == ["0", "3", "6", "9", "100"]
        answers = until(lambda: publisher.control.inspect(timeout=1.5).ping(), what="a pong")
        assert list(answers.values()) == [{"ok": "pong"}]
        assert worker.alive
    finally:
        publisher.close()
        server.kill()


def test_an_idle_worker_asks_little_of_redis(client, server, start_worker):
    worker = start_worker(server.url).ready()
    until(lambda: client.hget("test.commands:lease", "owner"), what="it holds the lease")
    before = client.info("stats")["total_commands_processed"]
    time.sleep(3)
    assert client.info("stats")["total_commands_processed"] - before < 150
    assert worker.alive


@pytest.mark.parametrize("substitution", ["no_recheck", "no_tracking"])
@pytest.mark.parametrize("priority", ["", "\x06\x169"])
def test_an_idle_worker_is_woken_by_a_message(client, server, start_worker, send, substitution, priority):
    start_worker(server.url, "test.commands,test.commands.1", TEST_SUBSTITUTIONS=substitution).ready()
    until(lambda: client.hget("test.commands.1:lease", "owner"), what="it holds the leases")
    for number in range(4):
        send("test.note", number, queue=("test.commands", "test.commands.1")[number % 2] + priority)
        until(lambda goal=number + 1: len(ledger(client)) == goal, what="it ran")


@pytest.mark.parametrize("shape", ["list", "bad base64"])
def test_the_stock_transport_does_not_survive_them(client, server, start_worker, send, shape):
    worker = start_worker(server.url, TEST_TRANSPORT="stock").ready()
    client.lpush("test.commands", SHAPES[shape][0])
    until(lambda: not worker.alive, what="the stock worker ends")


def test_a_killed_workers_message_is_taken_over_first_and_in_order(client, server, start_worker, send):
    send("test.slow", kwargs={"number": 0, "seconds": 30})
    for number in range(1, 6):
        send("test.note", number)
    victim = start_worker(server.url, TEST_LEASE_S=str(LEASE_S)).ready()
    until(lambda: ledger(client, "test.started"), what="the first is in work")
    heir = start_worker(server.url, TEST_LEASE_S=str(LEASE_S)).ready()
    assert client.llen("test.commands") == 5
    victim.kill()
    until(lambda: len(ledger(client, "test.started")) == 2, 25, "the takeover")
    assert ledger(client, "test.started") == ["0:0:0", "0:1:1"]
    assert ledger(client) == [] and heir.alive


def test_on_sigterm_work_is_finished_and_a_standby_goes_on_at_once(client, server, start_worker, send):
    send("test.slow", kwargs={"number": 0, "seconds": 1})
    for number in range(1, 6):
        send("test.note", number)
    first = start_worker(server.url, TEST_LEASE_S="30").ready()
    until(lambda: ledger(client, "test.started"), what="the first is in work")
    start_worker(server.url, TEST_LEASE_S="30").ready()
    assert first.terminate() == 0
    until(lambda: ledger(client) == numbers(6), 20, "long before the lease would run out")
    assert ledger(client, "test.started") == ["0:0:0"]


def test_on_sigterm_what_waits_is_given_back_to_the_head_uncounted(client, server, start_worker, send):
    send("test.wait", kwargs={"number": 0, "seconds": 600})
    send("test.note", 1)
    first = start_worker(server.url, TEST_LEASE_S="30").ready()
    until(lambda: ledger(client, "test.started"), what="the first waits")
    assert first.terminate() == 0
    assert client.llen("test.commands") == 2 and not client.exists("test.commands:unacked")
    start_worker(server.url).ready()
    until(lambda: len(ledger(client, "test.started")) == 2, 20, "the standby has it")
    assert ledger(client, "test.started")[1] == "0:1:0"
    assert ledger(client) == []


def test_a_frozen_owner_that_wakes_up_changes_nothing(client, server, start_worker, send):
    send("test.slow", kwargs={"number": 0, "seconds": 5})
    send("test.note", 1)
    zombie = start_worker(server.url, TEST_LEASE_S=str(LEASE_S)).ready()
    until(lambda: ledger(client, "test.started"), what="the first is in work")
    zombie.signal(signal.SIGSTOP)
    heir = start_worker(server.url, TEST_LEASE_S=str(LEASE_S)).ready()
    until(lambda: len(ledger(client)) == 2, what="the heir ran both")
    send("test.slow", kwargs={"number": 2, "seconds": 8})
    until(lambda: len(ledger(client, "test.started")) == 3, what="the heir has the next in work")
    held = client.hgetall("test.commands:unacked")
    zombie.signal(signal.SIGCONT)
    until(lambda: zombie.said("came too late"), what="the zombie's ack was refused")
    assert client.hgetall("test.commands:unacked") == held
    until(lambda: ledger(client)[-1] == "2" and not leftovers(client), what="the rest")
    assert zombie.alive and heir.alive


def test_a_message_that_kills_its_workers_is_parked(client, server, start_worker, send):
    send("test.die", kwargs={})
    send("test.note", 1)
    for life in range(4):
        client.hset("test.commands:lease", "until", 0)
        worker = start_worker(server.url, TEST_MAX_DEATHS="3")
        until(lambda w=worker: not w.alive or ledger(client), what=f"life {life} ends, or the good one runs")
    assert ledger(client) == ["1"]
    assert len(ledger(client, "test.started")) == 3
    parked = []
    drain_dead_messages(client, "test.commands", parked.append)
    assert [(entry.reason, entry.deaths) for entry in parked] == [("deaths", 3)]


def test_redis_may_die_and_return_under_a_running_task(mortal_server, start_worker):
    with redis.Redis.from_url(mortal_server.url) as client:
        worker = start_worker(mortal_server.url).ready()
        client.lpush(
            "test.commands", json.dumps(task_message("test.wait", kwargs={"number": 0, "seconds": 10}))
        )
        push(client, 3)
        until(lambda: ledger(client, "test.started"), what="it is in work")
        mortal_server.kill()
        until(lambda: worker.said("no connection to"), what="the worker noticed")
        mortal_server.start()
        until(lambda: len(ledger(client)) == 4, what="all have run")
        until(lambda: not leftovers(client), what="settled")
        assert ledger(client, "test.started") == ["0:0:0"], "and the running one only once"
        for _ in range(3):
            mortal_server.kill()
            time.sleep(0.3)
            mortal_server.start()
            had = len(ledger(client))
            client.lpush("test.commands", json.dumps(task_message("test.note", 9)))
            until(lambda had=had: len(ledger(client)) > had, what="work goes on")
        assert worker.alive


@pytest.mark.parametrize(("task", "entries"), [("test.back", ["7:0", "7:1"]), ("test.fenced", ["5:1"])])
def test_what_a_task_can_do_with_its_delivery(client, server, start_worker, send, task, entries):
    start_worker(server.url).ready()
    send(task, 7)
    until(lambda: ledger(client) == entries and not leftovers(client), what="it did")


def test_a_task_can_forward_and_ignore(client, server, start_worker, send):
    start_worker(server.url).ready()
    send("test.forward", kwargs={"number": 7, "to": "test.commands.3"})
    until(lambda: client.llen("test.commands.3") == 1 and not leftovers(client), what="it was forwarded")


def test_a_worker_that_gives_up_leaves_the_queue_to_the_standby(client, server, start_worker, send):
    owner = start_worker(server.url, TEST_LEASE_S="30").ready()
    until(lambda: client.hget("test.commands:lease", "owner"), what="it holds the lease")
    standby = start_worker(server.url, TEST_LEASE_S="30").ready()
    send("test.surrender", 7)
    until(lambda: len(ledger(client)) == 2, 25, "both had it")
    assert ledger(client) == [f"7:{owner.pid}:0", f"7:{standby.pid}:1"]
    until(lambda: not leftovers(client), what="settled")


def test_a_message_is_settled_even_when_celery_fails_around_the_task(client, server, start_worker, send):
    worker = start_worker(server.url).ready()
    send("test.broken", kwargs={})
    send("test.note", 1)
    until(lambda: ledger(client) == ["1"] and not leftovers(client), what="the next one runs")
    assert worker.alive


def test_one_worker_may_own_several_queues_each_in_its_order(client, server, start_worker):
    queues = ["test.commands", "test.commands.0", "test.commands.1", "test.queries"]
    with client.pipeline(transaction=False) as pipe:
        for number in range(60):
            for index, queue in enumerate(queues):
                pipe.lpush(queue, json.dumps(task_message("test.note", index * 1000 + number)))
        pipe.execute()
    start_worker(server.url, ",".join(queues)).ready()
    until(lambda: len(ledger(client)) == 240, what="all have run")
    ran = [int(entry) for entry in ledger(client)]
    for index in range(4):
        assert [n % 1000 for n in ran if n // 1000 == index] == list(range(60))
    # None waits for another to be empty.
    assert max(ran.index(index * 1000) for index in range(4)) < 20


def test_a_worker_told_to_end_while_redis_is_away_ends(mortal_server, start_worker):
    worker = start_worker(mortal_server.url).ready()
    mortal_server.kill()
    until(lambda: worker.said("no connection to"), what="the worker noticed")
    assert worker.terminate() == 0


def test_a_cancelled_queue_goes_to_the_standby(client, server, start_worker, send):
    first = start_worker(server.url, TEST_LEASE_S="30").ready()
    until(lambda: client.hget("test.commands:lease", "owner"), what="it holds the lease")
    second = start_worker(server.url, TEST_LEASE_S="30").ready()
    with Celery(broker=server.url, set_as_current=False) as publisher:
        publisher.control.cancel_consumer("test.commands", destination=[first.name])
    until(lambda: f":{second.pid}:".encode() in (client.hget("test.commands:lease", "owner") or b""), 20)
    send("test.note", 1)
    until(lambda: ledger(client) == ["1"], what="the standby works")


def test_a_running_worker_takes_no_exclusive_queue_that_it_was_not_started_for(
    client, server, start_worker, send
):
    worker = start_worker(server.url, "test.commands.0,test.queries").ready()
    told = {"refused": "not consuming from {}", "consumed": "Started consuming from {}"}
    with Celery(broker=server.url, set_as_current=False) as publisher:

        def add(queue):
            publisher.control.add_consumer(queue, destination=[worker.name])
            said = {outcome: line.format(queue) for outcome, line in told.items()}
            return until(lambda: next((outcome for outcome, line in said.items() if worker.said(line)), None))

        assert add("test.commands") == "refused"
        assert add("test.other") == "consumed"
        publisher.control.cancel_consumer("test.commands.0", destination=[worker.name])
        until(lambda: worker.said("Canceling queue test.commands.0"))
        assert add("test.commands.0") == "consumed"
    send("test.note", 1)
    for number, queue in enumerate(["test.other", "test.commands.0", "test.queries"]):
        send("test.note", number + 2, queue=queue)
    until(lambda: len(ledger(client)) == 3, what="the others have run")
    assert client.llen("test.commands") == 1
