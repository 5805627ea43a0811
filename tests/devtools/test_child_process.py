"""ChildProcess: readiness counts from the last start, and a child that ends early is told with its output."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from worker.devtools.embedded import ChildProcess, ServerFailed

pytestmark = pytest.mark.process


def test_start_waits_for_the_ready_text_of_this_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ready\n")
    child = ChildProcess(["sh", "-c", "echo starting; exit 3"], log=log, ready="ready")
    with pytest.raises(ServerFailed, match=r"status 3:(.|\n)*starting"):
        child.start()


def test_a_child_that_never_gets_ready_is_killed(tmp_path: Path) -> None:
    child = ChildProcess(["sleep", "600"], log=tmp_path / "log", ready="ready", ready_timeout_s=0.2)
    with pytest.raises(ServerFailed, match="did not write 'ready'"):
        child.start()
    assert not child.running


def test_a_second_start_waits_again(tmp_path: Path) -> None:
    child = ChildProcess(["sh", "-c", "echo rea''dy; exec sleep 600"], log=tmp_path / "log", ready="ready")
    with child:
        first = child.pid
        child.kill()
        child.start()
        assert child.pid != first
        assert child.output(since_start=True) == "ready\n"
        assert child.output() == "ready\nready\n"


MANY_BUSY_THREADS = """
import hashlib, threading
for _ in range(30):
    threading.Thread(target=hashlib.pbkdf2_hmac, args=("sha256", b"", b"", 2**31 - 1)).start()
print("ready", flush=True)
"""


def test_a_paused_child_stands_still_with_all_its_threads(tmp_path: Path) -> None:
    child = ChildProcess([sys.executable, "-c", MANY_BUSY_THREADS], log=tmp_path / "log", ready="ready")
    with child:
        for _ in range(3):
            child.pause()
            stats = [stat.read_text() for stat in Path(f"/proc/{child.pid}/task").glob("*/stat")]
            assert {stat.rpartition(")")[2].split()[0] for stat in stats} == {"T"}
            child.resume()
        child.kill()


def test_a_child_that_has_ended_can_be_paused(tmp_path: Path) -> None:
    child = ChildProcess(["sleep", "600"], log=tmp_path / "log").start()
    child.signal(signal.SIGKILL)
    child.pause()
    assert child.wait() == -signal.SIGKILL
