"""A worker that cannot start as it should does not start."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency.thread import TaskPool

from worker.app import create_app
from worker.process.checks import Checks, check_partitions, check_profile, check_queues
from worker.process.heartbeat import seen
from worker.process.partitions import PARTITIONS, Partitions
from worker.settings import Settings


def test_a_number_of_partitions_that_differs_ends_the_process(client: Any) -> None:
    client.set(PARTITIONS, 4)
    check_partitions(Partitions(client), 4)
    with pytest.raises(SystemExit, match=r"4 partition\(s\), and PLUGINS_COMMAND_PARTITIONS says 2"):
        check_partitions(Partitions(client), 2)


def test_the_first_worker_says_the_number(client: Any) -> None:
    check_partitions(Partitions(client), 3)
    assert client.get(PARTITIONS) == b"3"


def test_the_checks_are_a_step_of_every_worker_which_beats_from_then_on(tmp_path: Path) -> None:
    with create_app(Settings(heartbeat_dir=str(tmp_path / "beats"))) as app:
        assert Checks in app.steps["worker"]
        app.amqp.queues.select(["plugin.commands"])
        worker = SimpleNamespace(
            app=app,
            hostname="w@host",
            concurrency=1,
            max_concurrency=2,
            prefetch_multiplier=1,
            pool_cls=TaskPool,
        )
        with pytest.raises(SystemExit, match="concurrency 1"):
            Checks(worker).create(worker)
        app.amqp.queues.select(["plugin.queries"])
        Checks(worker).create(worker)
    assert [each.name for each in seen(tmp_path / "beats")] == ["w@host"]


@pytest.mark.parametrize(
    ("concurrency", "pool", "prefetch"),
    [(2, "threads", 1), (1, "prefork", 1), (1, "solo", 1), (1, "threads", 4)],
)
def test_a_commands_worker_applies_one_at_a_time(concurrency: int, pool: str, prefetch: int) -> None:
    with pytest.raises(SystemExit, match="celery -A worker worker -Q"):
        check_profile(concurrency, pool, prefetch)
    check_profile(1, "threads", 1)


@pytest.mark.parametrize(
    ("partitions", "queue", "run"),
    [
        (1, "plugin.commands.0", "-Q plugin.commands$"),
        (4, "plugin.commands.7", "-Q plugin.commands.3$"),
        (4, "plugin.commands.x", "plugin.commands.0 to plugin.commands.3"),
    ],
)
def test_a_worker_of_a_partition_that_there_is_not_does_not_start(
    partitions: int, queue: str, run: str
) -> None:
    with pytest.raises(SystemExit, match=run) as told:
        check_queues(["plugin.queries", queue], partitions)
    assert f"there is no {queue}:" in str(told.value)


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_worker_of_any_queue_that_there_is_does(partitions: int) -> None:
    queues = ["plugin.commands", "plugin.queries", "plugin.versions"]
    check_queues(
        queues if partitions == 1 else [*queues, "plugin.commands.0", "plugin.commands.3"], partitions
    )


def test_a_worker_of_somebody_elses_queue_does_not_start() -> None:
    """What is there would come by kombu's own transport, outside of all that this one guards."""
    with pytest.raises(
        SystemExit, match=r"there is no of\.somebody\.else: .*\nRun: celery -A worker worker -Q"
    ):
        check_queues(["plugin.queries", "of.somebody.else"], 1)


@pytest.mark.parametrize("queue", ["plugin.commands", "plugin.commands.0", "plugin.commands.7"])
def test_no_command_comes_by_the_stock_transport(queue: str) -> None:
    """Not even one of another number of partitions."""
    app = create_app(Settings(command_partitions=4))
    assert app.conf.broker_transport_options["queue_options"].is_exclusive(queue)
