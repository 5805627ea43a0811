"""A child process with a log file. It ends with this process at the latest."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from worker.devtools.embedded.errors import ServerFailed

TETHER = Path(__file__).with_name("tether.py")

# PR_SET_PDEATHSIG fires when the *thread* that forked ends. All children are therefore forked by one thread
# that lives as long as this process.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def spawn(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (no Ctrl-C reaches it). It is killed when this process ends.

    ``stdout``: a file descriptor or subprocess.PIPE; standard error goes there too, standard input is empty.
    ``env``: the whole environment; default: that of this process. The pid is that of the program.
    """
    command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *arguments]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - argument lists only, no shell
            command,
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return _spawner.submit(start).result()


class Spawned(Protocol):
    """A running program, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], timeout_s: float = 60.0, what: str = "the condition") -> T:
    """Call ``condition`` every 50 ms until its answer is true, and return that answer.

    Raises:
        TimeoutError: after ``timeout_s``; the message names ``what``.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true within {timeout_s:g} s")
        time.sleep(0.05)


class ChildProcess:
    """A program that can be started, stopped, killed, paused and started again, with its output in a file.

    ``log``: the file that its output is appended to. ``env``: added to the environment of this process; the
    value None removes a variable. ``ready``: a text that the output holds once it is ready; ``start`` waits
    for it, at most ``ready_timeout_s``. Default: ``start`` does not wait.
    A context manager: started on entry, stopped on exit.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        name: str = "",
        ready: str | None = None,
        ready_timeout_s: float = 120.0,
    ) -> None:
        self.arguments = list(arguments)
        self.log = log
        self.env = dict(env or {})
        self.cwd = cwd
        self.name = name or Path(self.arguments[0]).name
        self.ready = ready
        self.ready_timeout_s = ready_timeout_s
        self._process: Spawned | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The pid; RuntimeError before the first start."""
        return self._started().pid

    @property
    def returncode(self) -> int | None:
        """The exit status (negative: the signal), None while it runs."""
        return self._started().poll()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _started(self) -> Spawned:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process

    def start(self) -> Self:
        """Start it, or start it again after it ended, and wait until it is ready.

        Raises:
            ServerFailed: it ended, or was not ready in time.
            RuntimeError: it runs already.
        """
        if self.running:
            raise RuntimeError(f"{self.name} already runs as process {self.pid}")
        environment = {**os.environ, **self.env}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            given = {key: value for key, value in environment.items() if value is not None}
            self._process = self._spawn(given, output.fileno())
        if self.ready is not None:
            try:
                self.wait_for_output(self.ready, self.ready_timeout_s)
            except BaseException:
                self.kill()
                raise
        return self

    def _spawn(self, env: Mapping[str, str], stdout: int) -> Spawned:
        return spawn(self.arguments, env=env, cwd=self.cwd, stdout=stdout)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; do nothing if it has ended."""
        self._started().send_signal(number)

    def wait(self, timeout_s: float = 120.0) -> int:
        """Wait for its end and return the exit status.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        return self._started().wait(timeout_s)

    def terminate(self) -> None:
        """Send SIGTERM, after SIGCONT in case it is paused; do not wait."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)

    def stop(self, timeout_s: float = 30.0) -> int:
        """Send SIGTERM, wait, send SIGKILL if it still runs after ``timeout_s``; return the exit status."""
        process = self._started()
        if process.poll() is None:
            self.terminate()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()

    def kill(self) -> None:
        """Send SIGKILL, and wait until it has ended."""
        process = self._started()
        process.kill()
        process.wait()

    def pause(self) -> None:
        """Send SIGSTOP, and wait until every thread stands still or has ended; its connections stay open.

        Raises:
            TimeoutError: it goes on.
        """
        self.signal(signal.SIGSTOP)
        wait_until(self._stands_still, what=f"the standstill of {self.name}")

    def _stands_still(self) -> bool:
        # The signal reaches one thread first, the others go on for a moment.
        try:
            states = [
                stat.read_text().rpartition(")")[2].split()[0]
                for stat in Path(f"/proc/{self.pid}/task").glob("*/stat")
            ]
        except (FileNotFoundError, ProcessLookupError):
            # A thread has just ended.
            return not self.running
        return set(states) <= {"T", "Z"}

    def resume(self) -> None:
        """Send SIGCONT, after ``pause``."""
        self.signal(signal.SIGCONT)

    def output(self, *, since_start: bool = False) -> str:
        """Return what it has written so far: since its first start, or since the last one."""
        written = self.log.read_bytes() if self.log.exists() else b""
        return written[self._log_start if since_start else 0 :].decode(errors="replace")

    def wait_for_output(self, text: str, timeout_s: float = 120.0) -> None:
        """Wait until it has written ``text`` since its last start.

        Raises:
            ServerFailed: it ended, or did not write that in time; the message quotes its log.
        """
        deadline = time.monotonic() + timeout_s
        while text not in self.output(since_start=True):
            if not self.running:
                raise ServerFailed(f"{self.name} ended with status {self.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} did not write {text!r} in {timeout_s:g} s:\n{self.tail()}")
            time.sleep(0.05)

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.output().splitlines()[-lines:])

    def __enter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.stop()
