"""What `plugins up` tells its user: arguments that are not used, and what to do next."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.core import ParameterSource

from worker.devtools.rundir import RunDirectory
from worker.devtools.servers import MONGODB_SETTING, REDIS_OVERRIDES, REDIS_SETTING, redis_settings

DEFAULT_REDIS_PORT = 6379
DEFAULT_MONGODB_PORT = 27017


def unused_arguments(context: click.Context) -> Iterator[str]:
    """Yield a line for each argument that is not used, because the environment names its server."""
    redis = " and ".join(redis_settings())
    mongodb = MONGODB_SETTING if os.environ.get(MONGODB_SETTING) else ""
    for parameter, words, settings in (
        ("redis_port", "--redis-port or REDIS_PORT", redis),
        ("appendfsync", "--appendfsync", redis),
        ("mongodb_port", "--mongodb-port or MONGODB_PORT", mongodb),
    ):
        if settings and context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE:
            yield f"{words} is not used: {settings} is set"


def next_steps(redis_url: str, mongodb_url: str, folder: RunDirectory, names: list[str]) -> str:
    """Return the lines that are shown once everything runs."""
    lines = ["", f"Ready: {', '.join(names)}. Logs and data are in {folder.path}.", "In another terminal:"]
    # A setting of this terminal is not repeated: it may hold a password.
    every = (REDIS_SETTING, MONGODB_SETTING, *REDIS_OVERRIDES)
    settings = {name: os.environ[name] for name in every if os.environ.get(name)}
    if settings:
        lines.append(f"  # {', '.join(settings)}: as in this one")
    if redis_url not in settings.values() and redis_url != f"redis://127.0.0.1:{DEFAULT_REDIS_PORT}/0":
        lines.append(f"  export {REDIS_SETTING}={shlex.quote(redis_url)}")
    if mongodb_url not in settings.values() and f"127.0.0.1:{DEFAULT_MONGODB_PORT}/" not in mongodb_url:
        lines.append(f"  export {MONGODB_SETTING}={shlex.quote(mongodb_url)}")
    program = Path(sys.argv[0])
    plugins = program if program.name == "plugins" else Path("plugins")
    if not os.environ.get("PLUGINS_HEARTBEAT_DIR"):
        heartbeats = shlex.quote(str(folder.heartbeats))
        lines.append(f"  export PLUGINS_HEARTBEAT_DIR={heartbeats}  # for doctor, healthcheck")
    lines += [f"  {plugins} --help", "Ctrl-C or `make down` stops everything.", ""]
    return "\n".join(lines)
