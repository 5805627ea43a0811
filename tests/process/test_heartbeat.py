"""Heartbeats as files: whose they are, how old, and which count."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from worker.cli.operate.healthcheck import healthcheck
from worker.process.heartbeat import STALE_S, Heartbeat, HeartbeatError, begin_heartbeat, folder, seen


def check(directory: Path) -> Any:
    return CliRunner().invoke(healthcheck, env={"PLUGINS_HEARTBEAT_DIR": str(directory)})


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "beats"


def age(directory: Path, seconds: float) -> None:
    (path,) = directory.glob(f"{os.getpid()}.json")
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_nobody_is_unhealthy(directory: Path) -> None:
    result = check(directory)
    assert (result.exit_code, result.output) == (1, "unhealthy: no process has a heartbeat here\n")


def test_a_process_is_healthy_until_its_heartbeat_is_stale(directory: Path) -> None:
    heartbeat = Heartbeat("commands@x", directory)
    heartbeat.begin()
    assert check(directory).exit_code == 0
    age(directory, STALE_S + 1)
    result = check(directory)
    assert result.exit_code == 1
    assert result.output.startswith(f"unhealthy: no heartbeat of commands@x (process {os.getpid()}) for 3")
    heartbeat.beat()
    assert check(directory).exit_code == 0
    heartbeat.end()
    assert check(directory).exit_code == 1


@pytest.mark.process
def test_one_that_hangs_among_others_is_unhealthy(directory: Path) -> None:
    Heartbeat("hangs", directory).begin()
    age(directory, STALE_S + 1)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        stat = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()
        told = {"pid": other.pid, "name": "well", "started": stat[19]}
        (directory / f"{other.pid}.json").write_text(json.dumps(told))
        assert {s.name: s.healthy for s in seen(directory)} == {"hangs": False, "well": True}
        assert check(directory).exit_code == 1
        other.communicate()


@pytest.mark.process
def test_a_process_that_was_killed_does_not_count(directory: Path) -> None:
    Heartbeat("here", directory).begin()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    (directory / f"{gone.pid}.json").write_text(json.dumps({"pid": gone.pid, "name": "gone", "started": "1"}))
    assert [s.name for s in seen(directory)] == ["here"]
    assert len(list(directory.iterdir())) == 1


@pytest.mark.process
def test_a_process_that_starts_clears_away_what_dead_ones_left(directory: Path) -> None:
    directory.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    (directory / f"{gone.pid}.json").write_text(json.dumps({"pid": gone.pid, "name": "gone", "started": "1"}))
    Heartbeat("here", directory).begin()
    assert [path.name for path in directory.iterdir()] == [f"{os.getpid()}.json"]


def test_a_broken_file_of_another_keeps_no_process_from_its_heartbeat(directory: Path) -> None:
    directory.mkdir()
    (directory / "1.json").write_text("{")
    Heartbeat("here", directory).begin()
    assert (directory / f"{os.getpid()}.json").exists()


def test_a_number_that_is_another_process_now_does_not_count(directory: Path) -> None:
    """In a container that is started again, the numbers come again too."""
    directory.mkdir()
    told = {"pid": os.getpid(), "name": "before", "started": "1"}
    (directory / f"{os.getpid()}.json").write_text(json.dumps(told))
    assert seen(directory) == []


def test_a_file_that_was_tidied_away_is_written_again(directory: Path) -> None:
    heartbeat = Heartbeat("here", directory)
    heartbeat.begin()
    (directory / f"{os.getpid()}.json").unlink()
    heartbeat.beat()
    assert [s.name for s in seen(directory)] == ["here"]


@pytest.mark.process
def test_an_empty_file_that_a_crash_of_the_machine_left_is_cleared_away(directory: Path) -> None:
    Heartbeat("here", directory).begin()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    (directory / f"{gone.pid}.json").touch()
    assert check(directory).exit_code == 0
    assert not (directory / f"{gone.pid}.json").exists()


def test_a_heartbeat_that_could_not_begin_begins_later(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its disk was full, or its folder was not there."""
    directory.touch()
    heartbeat = begin_heartbeat("commands@x", str(directory))
    assert "no heartbeat" in caplog.text
    directory.unlink()
    heartbeat.beat()
    assert check(directory).exit_code == 0


def test_a_folder_that_others_may_write_or_own_is_refused(tmp_path: Path) -> None:
    everybodys = tmp_path / "everybodys"
    everybodys.mkdir()
    everybodys.chmod(0o777)
    groups = tmp_path / "groups"
    groups.mkdir()
    groups.chmod(0o770)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for path in (everybodys, groups, link):
        with pytest.raises(HeartbeatError):
            Heartbeat("here", path).begin()
        assert check(path).exit_code == 1
    assert folder().name.endswith(str(os.getuid()))
