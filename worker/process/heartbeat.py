"""Heartbeats: a file for each process of this machine that its main loop touches, and how to read them.

A process that hangs no longer touches its file, though it is alive; that is what a health check looks for.
Nothing is asked of any server, so an outage of one makes no process unhealthy.
"""

import json
import logging
import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

HEARTBEAT_DIR = "PLUGINS_HEARTBEAT_DIR"
"""The environment variable that names the folder."""

STALE_S = 30.0
"""A loop that has not turned for so many seconds hangs."""

BEAT_S = 2.0
"""An idle loop beats every so many seconds."""


class HeartbeatError(OSError):
    """Raised when the folder of the heartbeats cannot be trusted or made."""


def folder(setting: str = "") -> Path:
    """Return the folder of this user's heartbeats: ``setting``, or else one in the temporary folder."""
    return Path(setting) if setting else Path(tempfile.gettempdir()) / f"plugins-heartbeat-{os.getuid()}"


class Heartbeat:
    """The heartbeat of this process.

    ``name``: what the process is, such as ``commands@host``. ``directory``: see ``folder``. Only the main
    loop may call ``beat``: nothing else shows that it turns.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self._name = name
        self._directory = directory
        self._path = directory / f"{os.getpid()}.json"
        self._last = float("-inf")

    def begin(self) -> None:
        """Write the file, and remove those of dead processes. Raises ``HeartbeatError``."""
        _make(self._directory)
        with suppress(HeartbeatError):
            seen(self._directory)
        written = self._path.with_suffix(".new")
        try:
            written.write_text(
                json.dumps({"pid": os.getpid(), "name": self._name, "started": _started(os.getpid())})
            )
            written.replace(self._path)
        except OSError as error:
            raise HeartbeatError(f"{self._path} cannot be written: {error}") from error

    def beat(self) -> None:
        """Touch the file: the loop turns. Costs nothing within a second of the last call."""
        now = time.monotonic()
        if now - self._last < BEAT_S / 2:
            return
        self._last = now
        try:
            os.utime(self._path)
        except OSError:
            # The temporary folder was tidied; of a full disk the health check tells.
            with suppress(HeartbeatError):
                self.begin()

    def end(self) -> None:
        """Remove the file: the process ends in good order."""
        with suppress(OSError):
            self._path.unlink()


def begin_heartbeat(name: str, setting: str) -> Heartbeat:
    """Begin the heartbeat of this process in ``folder(setting)``; log why if that fails: each beat tries it
    again.
    """
    heartbeat = Heartbeat(name, folder(setting))
    try:
        heartbeat.begin()
    except HeartbeatError as error:
        # The work goes on without it; the health check finds no heartbeat and says so.
        logger.error("no heartbeat: %s", error)
    return heartbeat


@dataclass(frozen=True, slots=True)
class Seen:
    """The heartbeat of a process that is alive. ``age_s``: seconds since its last beat."""

    name: str
    pid: int
    age_s: float

    @property
    def healthy(self) -> bool:
        """Whether it has beaten lately."""
        return self.age_s <= STALE_S


def seen(directory: Path, now: float | None = None) -> list[Seen]:
    """Return the heartbeats of the processes that are alive; remove those of dead ones.

    ``now``: seconds since the epoch, default the present. Raises ``HeartbeatError``.
    """
    present = time.time() if now is None else now
    if not directory.is_dir():
        return []
    _check(directory)
    found = []
    for path in sorted(directory.glob("*.json")):
        try:
            content = json.loads(path.read_text())
            touched = path.stat().st_mtime
            pid, name, started = int(content["pid"]), str(content["name"]), content["started"]
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            if _removed_if_dead(path):
                continue
            raise HeartbeatError(f"{path} cannot be read: {error}") from error
        if _started(pid) != started or not _alive(pid):
            # It was killed; its number may be another process's by now.
            with suppress(OSError):
                path.unlink()
            continue
        found.append(Seen(name, pid, max(0.0, present - touched)))
    return found


def _removed_if_dead(path: Path) -> bool:
    """Remove what cannot be read, such as the empty file that a crash of the machine leaves, unless a process
    has its number; return whether it was removed.
    """
    if path.stem.isdecimal() and _alive(int(path.stem)):
        return False
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HeartbeatError(f"{directory} cannot be made: {error}") from error
    _check(directory)


def _check(directory: Path) -> None:
    """Refuse a folder of another user: everybody may write into the temporary folder."""
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
    """Return when the process began, as its system counts it (field 22 of ``/proc/{pid}/stat``, see proc(5));
    None where there is no such file.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]
