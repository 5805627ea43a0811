"""The command: a deployment and a registry of its own, then the script, then nothing is left."""

import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import click

from contracts.client import AskTimeout, RedisUnavailable
from contracts.errors import ContractError
from worker.devtools.demo.registry import serve_tags
from worker.devtools.demo.script import EXAMPLES, DemoFailed, play, say
from worker.devtools.embedded import ChildProcess, EmbeddedError, free_port

_LAST_LINES = 12
_READY_S = 120.0
_STOP_S = 120.0


@click.command()
def demo() -> None:
    """Try it: run everything in a temporary folder with an image registry of its own, send the API's
    examples, and show commands, replies and events as they happen.

    It needs no internet, touches no other Redis and MongoDB, and leaves nothing behind. Exit status 0 if
    everything went as it should.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    with (
        tempfile.TemporaryDirectory(prefix="plugins-demo-") as folder,
        serve_tags(EXAMPLES["tags"]) as registry,
    ):
        redis_port = free_port()
        up = _deployment(Path(folder), redis_port, registry)
        try:
            say("Starting Redis, MongoDB and every process of the Procfile ...")
            up.start().wait_for_output("Ready: ", _READY_S)
            play(f"redis://127.0.0.1:{redis_port}/0")
        except (DemoFailed, ContractError, AskTimeout, RedisUnavailable) as error:
            raise click.ClickException(f"{error}\n{_errors(up)}") from error
        except (EmbeddedError, OSError) as error:
            raise click.ClickException(str(error)) from error
        finally:
            say("Stopping, and removing everything ...")
            if up.running:
                up.stop(_STOP_S)


def _end(number: int, frame: FrameType | None) -> None:
    # Once: what is being stopped and removed must not be left half done.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(1)


def _deployment(folder: Path, redis_port: int, registry_url: str) -> ChildProcess:
    """Return a ``plugins up`` of this folder alone, not started yet; its log holds that of every process."""
    options = (f"--redis-port={redis_port}", f"--mongodb-port={free_port()}", f"--data-dir={folder / 'data'}")
    return ChildProcess(
        [sys.executable, "-P", "-m", "worker.cli", "up", "--verbose", "--appendfsync=no", *options],
        log=folder / "up.log",
        env={
            **{name: None for name in os.environ if name.startswith("PLUGINS_")},
            "PLUGINS_REGISTRY_MIRRORS": f"DOCKER_HUB={registry_url}",
            "TMPDIR": str(folder),
        },
        name="plugins up",
    )


def _errors(up: ChildProcess) -> str:
    """Return the last lines that the processes have logged, but for Celery's of level INFO."""
    lines = [line for line in up.output().splitlines() if "INFO/" not in line]
    return "\n".join(lines[-_LAST_LINES:])
