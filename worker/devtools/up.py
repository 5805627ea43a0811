"""`plugins up`: Redis, MongoDB and every process of the Procfile on this machine, until Ctrl-C."""

import os
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

import click

import worker
from worker.cli.operate.connection import checked
from worker.devtools.console import Console
from worker.devtools.embedded import ChildProcess, EmbeddedError
from worker.devtools.procfile import Process, read_procfile
from worker.devtools.rundir import RunDirectory
from worker.devtools.servers import REDIS_OVERRIDES, ensure_mongodb, ensure_redis
from worker.devtools.supervisor import Supervisor

DEFAULT_REDIS_PORT = 6379
DEFAULT_MONGODB_PORT = 27017
URL_SETTINGS = ("PLUGINS_REDIS_URL", "PLUGINS_MONGODB_URL", *REDIS_OVERRIDES)


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
    help="Where the servers keep their data, and the logs go.",
)
@click.option(
    "--appendfsync",
    type=click.Choice(["always", "everysec", "no"]),
    default="everysec",
    show_default=True,
    help="How often Redis writes to the disk; `always` loses nothing that it accepted.",
)
@click.option(
    "--procfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to run, in its folder. Default: the Procfile of this folder, else the program's own.",
)
def up(redis_port: int, mongodb_port: int, data_dir: Path, appendfsync: str, procfile: Path | None) -> None:
    """Run everything on this machine: Redis, MongoDB, the workers and beat.

    Servers that PLUGINS_REDIS_URL and PLUGINS_MONGODB_URL name are used, the others are started on the
    loopback interface. A process that ends is started again. Ctrl-C, SIGTERM or `plugins down` end it all.
    """
    cwd = procfile.parent if procfile else Path.cwd()
    processes = read_procfile(procfile or default_procfile())
    checked().close()
    folder = RunDirectory(data_dir)
    try:
        acquired = folder.acquire()
    except OSError as fault:
        raise click.ClickException(f"--data-dir {data_dir} cannot be used: {fault.strerror}") from None
    if not acquired:
        raise click.ClickException(
            f"process {folder.owner()} already runs in {data_dir}. End it by `make down` "
            f"(plugins down --data-dir {data_dir}), or give another --data-dir and other ports."
        )
    console = Console([process.name for process in processes])
    supervisor = Supervisor(console)

    def end(number: int, frame: FrameType | None) -> None:
        supervisor.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    ended_well = False
    try:
        folder.keep_previous_logs()
        redis_url = ensure_redis(supervisor, console, folder, port=redis_port, appendfsync=appendfsync)
        mongodb_url = ensure_mongodb(supervisor, console, folder, port=mongodb_port)
        env = environment(redis_url, mongodb_url, folder)
        started = {process.name: run(process, cwd, folder, env) for process in processes}
        for child in started.values():
            supervisor.keep(child, shown=True)
        consuming = [started[process.name] for process in processes if process.consumes]
        ended_well = supervisor.run(
            ready=lambda: all(" ready." in child.output(since_start=True) for child in consuming),
            when_ready=lambda: console.say(next_steps(redis_url, mongodb_url, folder, list(started))),
        )
    except (EmbeddedError, OSError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        console.say("Ending ...")
        supervisor.shut_down()
        folder.release()
        console.say("Ended.")
    if not ended_well:
        sys.exit(1)


def default_procfile() -> Path:
    """The Procfile of this folder, else the package's own; either is run in this folder."""
    here = Path("Procfile")
    return here if here.exists() else Path(worker.__file__).parent / "Procfile"


def environment(redis_url: str, mongodb_url: str, folder: RunDirectory) -> dict[str, str | None]:
    """What the processes get beside our own environment; programs of this Python's folder are found first."""
    programs = str(Path(sys.executable).parent)
    return {
        "PLUGINS_REDIS_URL": redis_url,
        "PLUGINS_MONGODB_URL": mongodb_url,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "PLUGINS_HEARTBEAT_DIR": os.environ.get("PLUGINS_HEARTBEAT_DIR") or str(folder.heartbeats),
    }


def run(process: Process, cwd: Path, folder: RunDirectory, env: dict[str, str | None]) -> ChildProcess:
    """Make a child of a Procfile's line, not started yet. The shell is replaced, so that signals arrive."""
    return ChildProcess(
        ["/bin/sh", "-c", f"exec {process.command}"],
        log=folder.logs / f"{process.name}.log",
        env=env,
        cwd=cwd,
        name=process.name,
    )


def next_steps(redis_url: str, mongodb_url: str, folder: RunDirectory, names: list[str]) -> str:
    """The words that are shown once everything runs."""
    lines = ["", f"Ready: {', '.join(names)}. Logs and data are in {folder.path}.", "In another terminal:"]
    # What was given is not repeated: it may hold a password.
    given = {name: os.environ[name] for name in URL_SETTINGS if os.environ.get(name)}
    if given:
        lines.append(f"  # {', '.join(given)}: as in this one")
    if redis_url not in given.values() and redis_url != f"redis://127.0.0.1:{DEFAULT_REDIS_PORT}/0":
        lines.append(f"  export PLUGINS_REDIS_URL={shlex.quote(redis_url)}")
    if mongodb_url not in given.values() and f"127.0.0.1:{DEFAULT_MONGODB_PORT}/" not in mongodb_url:
        lines.append(f"  export PLUGINS_MONGODB_URL={shlex.quote(mongodb_url)}")
    program = Path(sys.argv[0])
    plugins = program if program.name == "plugins" else Path("plugins")
    if not os.environ.get("PLUGINS_HEARTBEAT_DIR"):
        lines.append(
            f"  export PLUGINS_HEARTBEAT_DIR={shlex.quote(str(folder.heartbeats))}  # for doctor, healthcheck"
        )
    lines += [f"  {plugins} --help", "Ctrl-C or `make down` ends it all.", ""]
    return "\n".join(lines)
