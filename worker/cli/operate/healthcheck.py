"""`plugins healthcheck`: check that the processes of this machine or container are alive."""

import os
import sys

import click

from worker.process.heartbeat import HEARTBEAT_DIR, STALE_S, HeartbeatError, folder, seen
from worker.terminal import say


@click.command()
def healthcheck() -> None:
    """Exit with 0 if every process here is alive, with 1 if one hangs or there is none.

    The main loop of each process touches a file in PLUGINS_HEARTBEAT_DIR (default: a folder of this user in
    the temporary folder). No server is contacted.
    """
    try:
        processes = seen(folder(os.environ.get(HEARTBEAT_DIR, "")))
    except HeartbeatError as error:
        say(f"unhealthy: {error}")
        sys.exit(1)
    stuck = [process for process in processes if not process.healthy]
    if not processes:
        say("unhealthy: no process has a heartbeat here")
    elif stuck:
        shown = ", ".join(f"{p.name} (process {p.pid}) for {p.age_s:.0f} s" for p in stuck)
        say(f"unhealthy: no heartbeat of {shown}; {STALE_S:g} s are allowed")
    else:
        shown = ", ".join(f"{p.name} {p.age_s:.0f} s ago" for p in processes)
        say(f"healthy: {shown}")
    sys.exit(0 if processes and not stuck else 1)
