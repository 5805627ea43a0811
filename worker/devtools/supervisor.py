"""Keep processes running: show what they write, restart what ends, stop everything in order."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from worker.devtools.console import Console, Tail
from worker.devtools.embedded import ChildProcess, ServerFailed

POLL_S = 0.1
# An error this soon after the very first start means a wrong setting: repeating does not help.
FIRST_START_S = 10.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# After this long a run, the pauses begin with FIRST_PAUSE_S again.
STEADY_S = 60.0
QUOTED_LINES = 20
# A terminal, a service manager and make may each pass on one signal: what comes within this time is the same.
SAME_SIGNAL_S = 1.0


@dataclass
class Kept:
    """A process under supervision. ``shown``: it is a process of the Procfile, and not a server."""

    process: ChildProcess
    shown: bool
    tail: Tail = field(init=False)
    starts: int = 0
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_again_at: float | None = None

    def __post_init__(self) -> None:
        self.tail = Tail(self.process.log)


class Supervisor:
    """Runs processes until ``stop``, or until one cannot be run.

    A process that ends is started again after 0.5 s, doubled each time up to 30 s, and a line says so. If one
    ends with an error within 10 s of its first start, its last lines are shown, and everything is stopped.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._kept: list[Kept] = []
        self._stop = threading.Event()
        self._stopping_since: float | None = None
        self._in_a_hurry = False

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Make ``run`` end; safe in a signal handler."""
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
        self._stop.set()

    def hurry(self) -> None:
        """Kill the processes of the Procfile that have not stopped, if ``stop`` was called more than 1 s ago.

        The servers still end in order: a killed one may lose what it has answered. Safe in a signal handler.
        """
        since = self._stopping_since
        self._in_a_hurry = since is not None and time.monotonic() - since > SAME_SIGNAL_S

    def keep(
        self, process: ChildProcess, *, shown: bool, first_start: Callable[[], object] | None = None
    ) -> None:
        """Start a process and keep it running.

        ``shown``: show what it writes, if the console is verbose. ``first_start``: used the first time
        instead of the process's own ``start``.

        Raises:
            ServerFailed: it was not ready in time.
        """
        kept = Kept(process, shown)
        self._kept.append(kept)
        self._start(kept, first_start or process.start)

    def run(self, ready: Callable[[], bool], when_ready: Callable[[], None]) -> bool:
        """Keep all running until ``stop``; call ``when_ready`` once, as soon as ``ready`` returns true.

        Return False if a process cannot be run.
        """
        was_ready = False
        while not self._stop.wait(POLL_S):
            for kept in self._kept:
                self._relay(kept)
                if not self._tend(kept):
                    return False
            if not was_ready and ready():
                was_ready = True
                when_ready()
        return True

    def shut_down(self, timeout_s: float = 30.0) -> None:
        """Stop the processes of the Procfile, then the servers, the last one first: SIGTERM, then SIGKILL."""
        workers = [kept for kept in self._kept if kept.shown]
        servers = [kept for kept in reversed(self._kept) if not kept.shown]
        for group in (workers, *([server] for server in servers)):
            self._end(group, timeout_s)

    def _end(self, group: list[Kept], timeout_s: float) -> None:
        running = [kept for kept in group if kept.process.running]
        for kept in running:
            kept.process.terminate()
        deadline = time.monotonic() + timeout_s
        while running and time.monotonic() < deadline and not (self._in_a_hurry and group[0].shown):
            time.sleep(POLL_S)
            running = [kept for kept in running if kept.process.running]
            for kept in group:
                self._relay(kept)
        for kept in running:
            self._console.say(f"{kept.process.name} has not stopped: killing it", problem=True)
            kept.process.kill()
        for kept in group:
            self._relay(kept)

    def _start(self, kept: Kept, start: Callable[[], object]) -> None:
        kept.starts += 1
        kept.start_again_at = None
        kept.started_at = time.monotonic()
        start()

    def _relay(self, kept: Kept) -> None:
        if kept.shown and self._console.verbose:
            self._console.quote(kept.process.name, kept.tail.lines())

    def _tend(self, kept: Kept) -> bool:
        process = kept.process
        if process.running:
            return True
        now = time.monotonic()
        if kept.start_again_at is None:
            status = process.returncode or 0
            how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
            self._relay(kept)
            if status > 0 and kept.starts == 1 and now - kept.started_at < FIRST_START_S:
                self._console.quote(process.name, kept.tail.lines()[-QUOTED_LINES:])
                self._console.say(
                    f"{process.name} ended at once ({how}); its log: {process.log}", problem=True
                )
                return False
            if now - kept.started_at > STEADY_S:
                kept.pause_s = FIRST_PAUSE_S
            self._again(kept, f"{process.name} has ended ({how})")
        elif now >= kept.start_again_at:
            try:
                self._start(kept, process.start)
            except ServerFailed as error:
                self._again(kept, str(error))
            else:
                self._console.say(f"{process.name} runs again as process {process.pid}")
        return True

    def _again(self, kept: Kept, problem: str) -> None:
        kept.start_again_at = time.monotonic() + kept.pause_s
        self._console.say(f"{problem}; starting it again in {kept.pause_s:g} s", problem=True)
        kept.pause_s = min(2 * kept.pause_s, LONGEST_PAUSE_S)
