"""A worker of a commands queue that would apply two commands at once, or none, does not start."""

from pathlib import Path

import pytest

from tests.support.servers import ChildProcess, start_worker


@pytest.mark.parametrize(
    "arguments",
    [["-c", "2"], ["--prefetch-multiplier", "4"], ["--pool", "solo"], ["--autoscale", "4,2"]],
    ids=" ".join,
)
def test_it_says_what_to_run(arguments: list[str], plugins_env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    ends_at_once(start_worker("-Q", "plugin.commands", *arguments, env=plugins_env, log=log, ready=None))


def test_a_worker_of_a_partition_that_there_is_not_says_so_too(
    plugins_env: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    ends_at_once(start_worker("-Q", "plugin.commands.0", env=plugins_env, log=log, ready=None))


def ends_at_once(worker: ChildProcess) -> None:
    try:
        worker.wait_for_output("Run: celery -A worker worker -Q plugin.commands")
        assert worker.wait() != 0
    finally:
        worker.kill()
