"""The data folder of `plugins up`: which process uses it, and where things are in it."""

import fcntl
import os
import signal
from pathlib import Path


class RunDirectory:
    """A data folder with its lock.

    The lock is flock(2) on ``up.lock``. The kernel releases it when its owner ends, in whatever way: a file
    that a dead process has left means nothing. The file holds the owner's pid.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock_file = self.path / "up.lock"
        self._descriptor: int | None = None

    @property
    def redis(self) -> Path:
        return self.path / "redis"

    @property
    def mongodb(self) -> Path:
        return self.path / "mongodb"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def heartbeats(self) -> Path:
        return self.path / "heartbeats"

    def acquire(self) -> bool:
        """Make this process the owner until it ends, creating the folder; return False if another one is."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return True

    def keep_previous_logs(self) -> None:
        """Start new logs; those of the last run are kept as ``NAME.log.1``."""
        for log in self.logs.glob("*.log"):
            log.replace(log.with_name(f"{log.name}.1"))

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def owner(self) -> int | None:
        """Return the pid of the process that holds the lock, None if there is none."""
        try:
            descriptor = os.open(self._lock_file, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            # Empty for a moment, after it took the lock and before it writes its pid.
            return int(os.pread(descriptor, 32, 0) or b"0") or None
        else:
            return None
        finally:
            os.close(descriptor)

    def terminate_owner(self) -> None:
        """Ask the owner to end (SIGTERM); do nothing if it has ended already."""
        if (owner := self.owner()) is not None:
            os.kill(owner, signal.SIGTERM)
