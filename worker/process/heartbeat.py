"""Heartbeats: a file for each process of this machine that its main loop touches, and how to read them.

A process that hangs no longer touches its file, though it is alive; that is what a health check looks for.
Nothing is asked of any server, so an outage of one makes no process unhealthy.
"""

import json
import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STALE_S = 30.0
"""A loop that has not turned for so long hangs."""

BEAT_S = 2.0
"""How often a loop that is idle beats."""


class HeartbeatError(OSError):
    """Raised when the folder of the heartbeats cannot be trusted or made."""


def folder(setting: str = "") -> Path:
    """The folder of this user's heartbeats: ``setting``, or else one of its own in the temporary folder."""
    return Path(setting) if setting else Path(tempfile.gettempdir()) / f"plugins-heartbeat-{os.getuid()}"


class Heartbeat:
    """The heartbeat of this process; ``name`` says what it is, such as ``commands@host``.

    ``beat`` is for the main loop alone: nothing else shows that it turns.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self._name = name
        self._directory = directory
        self._path = directory / f"{os.getpid()}.json"
        self._last = float("-inf")

    def begin(self) -> None:
        """Write the file, and clear away those of processes that are dead. Raises ``HeartbeatError``."""
        _make(self._directory)
        with suppress(HeartbeatError):
            seen(self._directory)
        written = self._path.with_suffix(".new")
        try:
            written.write_text(
                json.dumps({"pid": os.getpid(), "name": self._name, "started": _started(os.getpid())})
            )
            written.replace(self._path)
        except OSError as fault:
            raise HeartbeatError(f"{self._path} cannot be written: {fault}") from fault

    def beat(self) -> None:
        """The loop turns. Costs nothing when it was called within the last second."""
        now = time.monotonic()
        if now - self._last < BEAT_S / 2:
            return
        self._last = now
        try:
            os.utime(self._path)
        except OSError:
            # Somebody tidied the temporary folder; a disk that is full is told by the health check.
            with suppress(HeartbeatError):
                self.begin()

    def end(self) -> None:
        """The process ends in good order: nobody is to miss it."""
        with suppress(OSError):
            self._path.unlink()


@dataclass(frozen=True, slots=True)
class Seen:
    """The heartbeat of a process that is alive: its age in seconds."""

    name: str
    pid: int
    age_s: float

    @property
    def healthy(self) -> bool:
        return self.age_s <= STALE_S


def seen(directory: Path, now: float | None = None) -> list[Seen]:
    """The heartbeats of the processes that are alive; those of others are cleared away."""
    present = time.time() if now is None else now
    if not directory.is_dir():
        return []
    _check(directory)
    found = []
    for path in sorted(directory.glob("*.json")):
        try:
            told = json.loads(path.read_text())
            touched = path.stat().st_mtime
            pid, name, started = int(told["pid"]), str(told["name"]), told["started"]
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise HeartbeatError(f"{path} cannot be read: {fault}") from fault
        if _started(pid) != started or not _alive(pid):
            # It was killed; its number may be another process's by now.
            with suppress(OSError):
                path.unlink()
            continue
        found.append(Seen(name, pid, max(0.0, present - touched)))
    return found


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise HeartbeatError(f"{directory} cannot be made: {fault}") from fault
    _check(directory)


def _check(directory: Path) -> None:
    """The temporary folder is everybody's: what another user has put there is not ours to believe."""
    status = directory.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_ours or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise HeartbeatError(f"{directory} is not a folder of this user alone")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str | None:
    """When the process began, as its system counts it (field 22 of ``/proc/{pid}/stat``, see proc(5)); None
    where that is not told.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]
