"""The Redis of the answers on its own: while it is away, and while a worker that waits for one is told to end."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from celery import Celery
from redis import ConnectionError, Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.support.servers import ChildProcess, RedisServer, free_port, run_worker, start_redis, wait_until
from worker.tasks.answer_store import ANSWERS_AWAY
from worker.transport.options import DEFAULT_MAX_DEATHS as MAX_DEATHS

DEADLINE_S = 90
QUEUE = "plugin.commands"


@pytest.fixture
def results(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "results")
    yield server
    server.kill()


@pytest.fixture
def env(plugins_env: dict[str, str], results: RedisServer) -> dict[str, str]:
    return plugins_env | {"PLUGINS_RESULTS_URL": results.url, "PLUGINS_LEASE_S": "1"}


@pytest.fixture
def broker(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def register(redis_url: str, results: RedisServer) -> Iterator[Callable[[int], str]]:
    """Sends the register of a plugin, for an answer; the id of the command."""
    app = Celery(broker=redis_url, backend="disabled://", set_as_current=False)

    def send(number: int) -> str:
        kwargs = {"domain_id": "d", "name": "N", "service_type": "x.Y", "image": f"acme/p{number}"}
        return str(app.send_task("plugin.register", kwargs=kwargs, queue=QUEUE, ignore_result=False).id)

    yield send
    app.close()


def answers(results: RedisServer, sent: list[str]) -> list[str]:
    """The state of each answer that is there."""
    patient = Retry(ConstantBackoff(0.01), 1000)
    with Redis.from_url(results.url, decode_responses=True, retry=patient) as client:
        try:
            found = client.mget([f"celery-task-meta-{command_id}" for command_id in sent])
        except ConnectionError:
            # Cut off twice while the pool gave the connection out: redis-py tries that only once.
            return []
    states = ("SUCCESS", "FAILURE")
    return [next(state for state in states if f'"{state}"' in text) for text in found if text]


def test_connections_that_break_cost_no_answer(
    env: dict[str, str], results: RedisServer, register: Callable[[int], str], tmp_path: Path
) -> None:
    """An effect is not answered with the failure to tell of it."""
    ended = threading.Event()

    def cut() -> None:
        with Redis.from_url(results.url) as client:
            while not ended.wait(0.005):
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    with run_worker("-Q", QUEUE, env=env, log=tmp_path / "worker.log"), ThreadPoolExecutor(1) as thread:
        cutting = thread.submit(cut)
        sent = [register(number) for number in range(200)]
        try:
            wait_until(lambda: len(answers(results, sent)) == len(sent), DEADLINE_S, "every answer")
        finally:
            ended.set()
        cutting.result()
    assert set(answers(results, sent)) == {"SUCCESS"}


def test_an_answer_that_cannot_be_told_is_told_by_the_next_worker(
    env: dict[str, str],
    results: RedisServer,
    broker: Redis,
    register: Callable[[int], str],
    tmp_path: Path,
) -> None:
    with run_worker("-Q", QUEUE, env=env, log=tmp_path / "first.log") as worker:
        results.kill()
        sent = register(1)
        wait_until(lambda: broker.xlen("plugin.events"), DEADLINE_S, "the effect")
        wait_until(lambda: f"{sent} waits: {ANSWERS_AWAY}" in worker.output(), DEADLINE_S, "the wait")
        worker.terminate()
        wait_until(lambda: not worker.running, DEADLINE_S, "its end")
    assert broker.llen(QUEUE) == 1
    results.start()
    with run_worker("-Q", QUEUE, env=env, log=tmp_path / "second.log"):
        wait_until(lambda: answers(results, [sent]), DEADLINE_S, "the answer")
    assert answers(results, [sent]) == ["SUCCESS"]
    assert broker.xlen("plugin.events") == 1


def waits(broker: Redis, worker: ChildProcess) -> bool:
    """Whether Redis knows that the worker waits with a message."""
    tags: set[str] = broker.smembers(f"{QUEUE}:waiting")  # type: ignore[assignment]
    return any(f":{worker.pid}:" in tag for tag in tags)


def test_workers_killed_while_they_wait_for_it_park_nothing(
    env: dict[str, str],
    results: RedisServer,
    broker: Redis,
    register: Callable[[int], str],
    tmp_path: Path,
) -> None:
    results.kill()
    sent = register(1)
    for number in range(MAX_DEATHS):
        with run_worker("-Q", QUEUE, env=env, log=tmp_path / f"killed-{number}.log") as worker:
            wait_until(partial(waits, broker, worker), DEADLINE_S, "its wait")
            worker.kill()
    results.start()
    with run_worker("-Q", QUEUE, env=env, log=tmp_path / "last.log"):
        wait_until(lambda: answers(results, [sent]), DEADLINE_S, "the answer")
    assert answers(results, [sent]) == ["SUCCESS"]
    assert broker.xlen("plugin.events") == 1


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGQUIT], ids=["SIGTERM", "SIGQUIT"])
def test_a_worker_that_waits_ends_however_it_is_told_to(
    env: dict[str, str],
    broker: Redis,
    register: Callable[[int], str],
    end: signal.Signals,
    tmp_path: Path,
) -> None:
    env = env | {"PLUGINS_EVENTS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    with run_worker("-Q", QUEUE, env=env, log=tmp_path / "worker.log") as worker:
        sent = register(1)
        wait_until(lambda: f"{sent} waits: " in worker.output(), DEADLINE_S, "the wait")
        worker.signal(end)
        wait_until(lambda: not worker.running, DEADLINE_S, "its end")
        assert "NotImplementedError" not in worker.output()
    assert broker.llen(QUEUE) == 1
    assert not broker.exists(f"{QUEUE}:unacked")
    assert not broker.hexists(f"{QUEUE}:lease", "owner")
