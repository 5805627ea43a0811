"""One worker process that runs on: poison, what tasks do with their deliveries, idleness."""

import time
from pathlib import Path

import pytest
import redis
from celery import Celery

from tests.support.servers import Binary, redis_by_age, start_redis, wait_until
from tests.support.servers import start_worker as start_any_worker
from tests.transport.elements import COMMANDS, QUERIES, element, note
from tests.transport.poison_shapes import SHAPES
from tests.transport.workers import Service, StartWorker, is_owner, ledger, leftovers, wait_for_ledger
from worker.transport import drain_parked_messages
from worker.transport.parked import ParkedMessage


@pytest.mark.parametrize("queue", [COMMANDS, QUERIES])
def test_no_shape_of_message_ends_the_worker_and_none_is_dropped(service: Service, queue: str) -> None:
    client = service.client
    for raw, _ in SHAPES.values():
        client.lpush(queue, raw)
    client.lpush(queue, note(12345))
    wait_until(lambda: "12345" in ledger(client), what="the message behind the poison to run")
    wait_until(lambda: not leftovers(client, queue), what="nothing to be left")
    assert service.worker.running
    assert "Reconnecting" not in service.output()
    assert "Trying to reconnect" not in service.output()
    parked: list[ParkedMessage] = []
    drain_parked_messages(client, queue, parked.extend)
    expected = {
        (raw, reason if fate == "parked" else "unknown_task")
        for raw, (fate, reason) in SHAPES.values()
        if fate in ("parked", "unknown", "foreign")
    }
    assert {(entry.raw, entry.reason) for entry in parked} == expected
    fates = [fate for _, (fate, _) in SHAPES.values()]
    refused = [entry.split(":", 1)[1] for entry in ledger(client, "test.refused")]
    assert sorted(refused) == sorted(reason for _, (fate, reason) in SHAPES.values() if fate == "refused")
    assert len(ledger(client, "test.answered")) == fates.count("unknown") + fates.count("foreign")
    assert len(ledger(client)) == fates.count("ran") + 1


@pytest.mark.parametrize("shape", ["list", "bad base64"])
def test_the_stock_transport_does_not_survive_them(
    client: redis.Redis, url: str, tmp_path: Path, shape: str
) -> None:
    app, log = "tests.transport.stock_app", tmp_path / "stock.log"
    worker = start_any_worker("-Q", COMMANDS, app=app, env={"TEST_REDIS_URL": url}, log=log)
    client.lpush(COMMANDS, SHAPES[shape][0])
    wait_until(lambda: not worker.running, what="the end of the stock worker")


@pytest.mark.process
@pytest.mark.parametrize(
    "binary", redis_by_age(), ids=lambda binary: f"{binary.path.name}-{binary.version_text}"
)
def test_stock_publishers_and_all_priorities_work(
    binary: Binary, start_worker: StartWorker, tmp_path: Path
) -> None:
    server = start_redis(tmp_path / "redis", appendfsync="always", binary=binary)
    publisher = Celery(broker=server.url, set_as_current=False)
    try:
        worker = start_worker(server.url, f"{COMMANDS},{QUERIES}")
        for priority in (0, 3, 6, 9):
            number = {"number": priority}
            publisher.send_task("test.note", kwargs=number, queue=COMMANDS, priority=priority)
        publisher.send_task("test.note", kwargs={"number": 100}, queue=QUERIES)
        with redis.Redis.from_url(server.url) as client:
            wait_until(lambda: len(ledger(client)) == 5, what="all to run")
            assert sorted(ledger(client), key=int) == ["0", "3", "6", "9", "100"]
        assert worker.running
    finally:
        publisher.close()
        server.kill()


def test_an_idle_worker_asks_little_of_redis(service: Service) -> None:
    client = service.client
    wait_until(lambda: is_owner(client, service.worker), what="its lease")
    before = client.info("stats")["total_commands_processed"]
    time.sleep(2)
    assert client.info("stats")["total_commands_processed"] - before < 100
    assert service.worker.running


@pytest.mark.parametrize("without", ["no_recheck", "no_tracking"])
def test_an_idle_worker_is_woken_by_a_message(
    client: redis.Redis, url: str, start_worker: StartWorker, without: str
) -> None:
    queues = (COMMANDS, f"{COMMANDS}.1")
    start_worker(url, ",".join(queues), without=without)
    wait_until(lambda: client.hget(f"{queues[1]}:lease", "owner"), what="its leases")
    sent = 0
    for priority in ("", "\x06\x169"):
        for number in range(4):
            client.lpush(queues[number % 2] + priority, note(number))
            sent += 1
            wait_for_ledger(client, sent)


@pytest.mark.parametrize(("task", "entries"), [("test.back", ["7:0", "7:1"]), ("test.fenced", ["5:1"])])
def test_what_a_task_can_do_with_its_delivery(service: Service, task: str, entries: list[str]) -> None:
    client = service.client
    service.push(element(task, number=7))
    wait_until(lambda: ledger(client) == entries and not leftovers(client), what="it to be done")


def test_a_task_can_forward_and_ignore(service: Service) -> None:
    client = service.client
    service.push(element("test.forward", number=7, to=f"{COMMANDS}.3"))
    wait_until(lambda: client.llen(f"{COMMANDS}.3") == 1 and not leftovers(client), what="the forwarding")


def test_a_message_is_settled_even_when_celery_fails_around_the_task(service: Service) -> None:
    client = service.client
    service.push(element("test.broken"))
    service.push(note(1))
    wait_until(lambda: ledger(client) == ["1"] and not leftovers(client), what="the next one to run")
    assert service.worker.running


def test_one_worker_may_own_several_queues_each_in_its_order(
    client: redis.Redis, url: str, start_worker: StartWorker
) -> None:
    queues = [COMMANDS, f"{COMMANDS}.0", f"{COMMANDS}.1", QUERIES]
    with client.pipeline(transaction=False) as pipe:
        for number in range(60):
            for index, queue in enumerate(queues):
                pipe.lpush(queue, note(index * 1000 + number))
        pipe.execute()
    start_worker(url, ",".join(queues), group_max=4)
    wait_until(lambda: len(ledger(client)) == 240, what="all to run")
    ran = [int(entry) for entry in ledger(client)]
    for index in range(4):
        assert [n % 1000 for n in ran if n // 1000 == index] == list(range(60))
    # None waits for another to be empty.
    assert max(ran.index(index * 1000) for index in range(4)) < 20
