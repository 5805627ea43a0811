"""The command: servers, processes and registry of its own, then the script, then nothing is left."""

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

import click

from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from contracts.errors import ContractError
from worker.devtools.console import Console
from worker.devtools.demo.examples import DOMAIN, TAGS
from worker.devtools.demo.registry import Registry
from worker.devtools.demo.script import play
from worker.devtools.demo.stage import DemoFailed, Stage
from worker.devtools.embedded import ChildProcess, EmbeddedError, MongoReplicaSet, RedisServer
from worker.devtools.procfile import read_procfile
from worker.devtools.rundir import RunDirectory
from worker.devtools.supervisor import Supervisor
from worker.devtools.up import default_procfile, environment, run

_LAST_LINES = 12


class _Quiet(Console):
    """Shows what goes wrong; what the processes write stays in their logs."""

    def relay(self, name: str, line: str) -> None:
        """Not on the terminal."""


@click.command()
def demo() -> None:
    """Try it: run everything in a temporary folder with an image registry of its own, send the API's
    examples, and show commands, replies and events as they happen.

    Needs no internet, touches no other Redis and MongoDB, and leaves nothing behind. Status 0 when all went
    as it should.
    """
    with tempfile.TemporaryDirectory(prefix="plugins-demo-") as name, Registry(TAGS) as registry:
        performance = _Performance(RunDirectory(Path(name)), registry)
        fault = performance.run()
    if fault:
        raise click.ClickException(fault)
    if not performance.is_complete:
        sys.exit(1)


class _Performance:
    """One run: ``run`` returns what went wrong, if anything did."""

    def __init__(self, folder: RunDirectory, registry: Registry) -> None:
        self.is_complete = False
        self._folder = folder
        self._registry = registry
        self._console = _Quiet([])
        self._supervisor = Supervisor(self._console)
        self._children: dict[str, ChildProcess] = {}
        self._fault: str | None = None

    def run(self) -> str | None:
        def end(number: int, frame: FrameType | None) -> None:
            self._supervisor.stop()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, end)
        try:
            self._start_and_play()
        except (EmbeddedError, OSError) as fault:
            self._fault = str(fault)
        finally:
            self._console.say("\nEnding, and removing everything ...")
            self._supervisor.shut_down()
        return self._fault

    def _start_and_play(self) -> None:
        processes = read_procfile(default_procfile())
        self._console.say("Starting Redis, MongoDB and every process of the Procfile ...")
        redis_server = RedisServer(self._folder.redis, appendfsync="no", log=self._folder.logs / "redis.log")
        mongodb = MongoReplicaSet(
            self._folder.mongodb, members=1, log=self._folder.logs / "mongodb.log", cache_gb=0.25
        )
        self._supervisor.keep(redis_server, shown=False)
        self._supervisor.keep(mongodb.members[0], shown=False, first_start=mongodb.start)
        env = {name: None for name in os.environ if name.startswith("PLUGINS_")} | environment(
            redis_server.url, mongodb.url(), self._folder
        )
        # Heartbeats and the like go with the folder too.
        env["PLUGINS_HEARTBEAT_DIR"] = str(self._folder.heartbeats)
        env["TMPDIR"] = str(self._folder.path)
        env["PLUGINS_REGISTRY_MIRRORS"] = f"DOCKER_HUB={self._registry.url}"
        self._children = {p.name: run(p, Path.cwd(), self._folder, env) for p in processes}
        for child in self._children.values():
            self._supervisor.keep(child, shown=True)
        consuming = [self._children[p.name] for p in processes if p.consumes]
        script = threading.Thread(target=self._play, args=(redis_server.url,), name="script", daemon=True)
        went_on = self._supervisor.run(
            ready=lambda: all(" ready." in child.output(since_start=True) for child in consuming),
            when_ready=script.start,
        )
        if not went_on:
            self._fault = f"a process could not be run:\n{self._logs()}"

    def _play(self, redis_url: str) -> None:
        try:
            with PluginClient(redis_url) as client:
                stage = Stage(client, redis_url, DOMAIN)
                stage.open()
                try:
                    play(stage)
                finally:
                    stage.close()
            self.is_complete = True
            stage.say(f"{stage.commands} commands, {len(stage.events)} events, each once and in order.")
        except (DemoFailed, ContractError, AskTimeout, RedisUnavailable) as fault:
            self._fault = f"{fault}\n{self._logs()}"
        finally:
            self._supervisor.stop()

    def _logs(self) -> str:
        """What the processes said of errors at the end."""
        lines = [
            f"{name} | {line}"
            for name, child in self._children.items()
            for line in child.output().splitlines()
            if "ERROR" in line or "CRITICAL" in line or "Error" in line or not child.running
        ]
        return "\n".join(lines[-_LAST_LINES:])
