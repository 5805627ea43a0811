"""`plugins up`: Redis, MongoDB and every process of the Procfile on this machine, until Ctrl-C."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

import click

import worker
from worker.devtools.console import Console
from worker.devtools.embedded import ChildProcess, EmbeddedError
from worker.devtools.guidance import DEFAULT_MONGODB_PORT, DEFAULT_REDIS_PORT, next_steps, unused_arguments
from worker.devtools.procfile import Process, read_procfile
from worker.devtools.rundir import RunDirectory
from worker.devtools.servers import MONGODB_SETTING, REDIS_SETTING, ensure_mongodb, ensure_redis
from worker.devtools.supervisor import Supervisor
from worker.settings import SettingsError, load_settings
from worker.terminal import say_lines


class WrongSettings(click.ClickException):
    """Raised before anything is started; shown in the words of the settings."""

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - click passes none
        say_lines(self.message, err=True)


@click.command()
@click.option("--redis-port", type=click.IntRange(1, 65535), default=DEFAULT_REDIS_PORT, show_default=True)
@click.option(
    "--mongodb-port", type=click.IntRange(1, 65535), default=DEFAULT_MONGODB_PORT, show_default=True
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".plugins"),
    show_default=True,
    help="The folder of the servers' data and of all logs.",
)
@click.option(
    "--appendfsync",
    type=click.Choice(["always", "everysec", "no"]),
    default="everysec",
    show_default=True,
    help="How often Redis writes to the disk; with `always` it loses nothing that it has accepted.",
)
@click.option(
    "--procfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to run, in its folder. Default: the Procfile of this folder, else the program's own.",
)
@click.option("-v", "--verbose", is_flag=True, help="Also show what the processes write to their logs.")
def up(
    redis_port: int,
    mongodb_port: int,
    data_dir: Path,
    appendfsync: str,
    procfile: Path | None,
    verbose: bool,
) -> None:
    """Run everything on this machine: Redis, MongoDB, the workers and beat.

    If PLUGINS_REDIS_URL or PLUGINS_MONGODB_URL names a server, that one is used; the others are started on
    the loopback interface, without a password: for a machine that you share with nobody. A process that ends
    is started again. Ctrl-C, SIGTERM or `plugins down` stop everything.
    """
    cwd = procfile.parent if procfile else Path.cwd()
    processes = read_procfile(procfile or default_procfile())
    check_settings()
    ended_well = True
    with _acquired(data_dir) as folder:
        console = Console([process.name for process in processes], verbose=verbose)
        supervisor = Supervisor(console)
        with _supervised(supervisor, console):
            folder.keep_previous_logs()
            for line in unused_arguments(click.get_current_context()):
                console.say(line, problem=True)
            redis_url = ensure_redis(supervisor, console, folder, port=redis_port, appendfsync=appendfsync)
            mongodb_url = ensure_mongodb(supervisor, console, folder, port=mongodb_port)
            env = environment(redis_url, mongodb_url, folder)
            children = {process.name: make_child(process, cwd, folder, env) for process in processes}
            for name, child in children.items():
                supervisor.keep(child, shown=True)
                console.say(f"{name:<9} process {child.pid}")
            consuming = [children[process.name] for process in processes if process.consumes]
            ended_well = supervisor.run(
                ready=lambda: all(" ready." in child.output(since_start=True) for child in consuming),
                when_ready=lambda: console.say(next_steps(redis_url, mongodb_url, folder, list(children))),
            )
    if not ended_well:
        sys.exit(1)


def check_settings() -> None:
    """Check the settings that the processes will read.

    Raises:
        WrongSettings: a process would refuse to start.
    """
    try:
        load_settings()
    except SettingsError as error:
        raise WrongSettings(str(error)) from None


@contextmanager
def _acquired(data_dir: Path) -> Iterator[RunDirectory]:
    # Logs and data are for this user alone: they hold what everybody's commands held.
    mask = os.umask(0o077)
    try:
        with _locked(data_dir) as folder:
            yield folder
    finally:
        os.umask(mask)


@contextmanager
def _locked(data_dir: Path) -> Iterator[RunDirectory]:
    folder = RunDirectory(data_dir)
    try:
        acquired = folder.acquire()
    except OSError as error:
        raise click.ClickException(f"--data-dir {data_dir} cannot be used: {error.strerror}") from None
    if not acquired:
        raise click.ClickException(
            f"process {folder.owner()} already runs in {data_dir}. Stop it with `make down` "
            f"(plugins down --data-dir {data_dir}), or give another --data-dir and other ports."
        )
    try:
        yield folder
    finally:
        folder.release()


@contextmanager
def _supervised(supervisor: Supervisor, console: Console) -> Iterator[None]:
    """End the block on SIGINT, SIGTERM or SIGHUP, and stop every process after it."""

    def stop(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            supervisor.hurry()
        supervisor.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        yield
    except (EmbeddedError, OSError) as error:
        # A signal to the whole group also ends what was being started; that is no error then.
        if not supervisor.stopping:
            raise click.ClickException(str(error)) from error
    finally:
        console.say("Stopping ... (Ctrl-C again kills the workers)")
        supervisor.shut_down()
        console.say("Stopped.")


def default_procfile() -> Path:
    """Return the Procfile of this folder, else the package's own; either is run in this folder."""
    here = Path("Procfile")
    return here if here.exists() else Path(worker.__file__).parent / "Procfile"


def environment(redis_url: str, mongodb_url: str, folder: RunDirectory) -> dict[str, str | None]:
    """Return what the processes get beside this environment; programs of this Python are found first."""
    programs = str(Path(sys.executable).parent)
    return {
        REDIS_SETTING: redis_url,
        MONGODB_SETTING: mongodb_url,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "PLUGINS_HEARTBEAT_DIR": os.environ.get("PLUGINS_HEARTBEAT_DIR") or str(folder.heartbeats),
    }


def make_child(process: Process, cwd: Path, folder: RunDirectory, env: dict[str, str | None]) -> ChildProcess:
    """Return a child for a line of the Procfile, not started yet. It replaces the shell, so that it gets
    signals.
    """
    return ChildProcess(
        ["/bin/sh", "-c", f"exec {process.command}"],
        log=folder.logs / f"{process.name}.log",
        env=env,
        cwd=cwd,
        name=process.name,
    )
