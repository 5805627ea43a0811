"""Celery's processes forked from one that has the service imported: a start costs a tenth of the processor time.

They are what `python -m celery ARGUMENTS` is: a session of its own, its output in its log, its environment as it
is given; and they end when the test process does.
"""

import atexit
import ctypes
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PRELOADED = [
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "tests.support.forked",
    "worker.app",
    "worker.cli",
    "worker.process.beat",
    "worker.process.consumer",
    "worker.transport.channel",
    "worker.transport.request",
]
"""Modules that keep nothing of a process: no settings, no app, no connection, no thread."""

_PR_SET_PDEATHSIG = 1

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


class ForkedProcess:
    """One such process, with what `ChildProcess` asks of a `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> None:
        # Its end is its owner's, as with a Popen: at our exit it is not waited for.
        self._process: ForkServerProcess = _context.Process(
            target=_run, args=(list(arguments), dict(env), str(cwd), str(log)), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired`."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("celery", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def _run(arguments: list[str], env: dict[str, str], cwd: str, log: str) -> None:
    """Be `python -m celery ARGUMENTS`."""
    _end_with_parent()
    os.setsid()
    multiprocessing.current_process().name = "MainProcess"
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    _write_to(log)
    sys.argv = ["celery", *arguments]
    sys.path[0:0] = [] if cwd in sys.path else [cwd]
    try:
        runpy.run_module("celery", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()


def _end_with_parent() -> None:
    # The server that forks ends with the test process, once its forks do not keep this pipe open.
    keeps_alive = multiprocessing.forkserver._forkserver._forkserver_alive_fd  # type: ignore[attr-defined]
    os.close(keeps_alive)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _write_to(log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
