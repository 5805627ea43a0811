"""A deployment whose processes keep versions fresh, what is sent to them, and what they tell."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from redis import Redis

from contracts.client import PluginClient
from contracts.errors import ContractError
from tests.support.servers import run_worker, start_beat
from tests.support.stream import Stream
from worker.cli.main import main

WORKERS = {"commands": "1", "queries": "4", "versions": "4"}
"""The queues, without ``plugin.``, and the concurrency of their workers."""


class Deployment:
    """Its processes, what is sent to them, and what they tell."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env = env
        self.folder = folder
        self.client = PluginClient(env["PLUGINS_REDIS_URL"])
        self.redis = Redis.from_url(env["PLUGINS_REDIS_URL"], decode_responses=True)
        self._processes = ExitStack()
        self._starts = 0

    def start(self) -> None:
        """Start every worker, and beat."""
        self.start_workers(*WORKERS)
        self._processes.enter_context(start_beat(env=self.env, log=self._log("beat")))

    def start_workers(self, *names: str) -> None:
        self._starts += 1
        for name in names:
            options = ("-Q", f"plugin.{name}", "--concurrency", WORKERS[name])
            worker = run_worker(*options, env=self.env, log=self._log(name), timeout_s=120)
            self._processes.enter_context(worker)

    def stop(self) -> None:
        self._processes.close()

    def close(self) -> None:
        self.stop()
        self.client.close()
        self.redis.close()

    def register(self, domain: str, image: str, **fields: Any) -> dict[str, Any]:
        given: dict[str, Any] = {"name": image, "service_type": "notification.Protocol", "image": image}
        return dict(self.client.ask("register", domain_id=domain, timeout_s=60, **given, **fields))

    def versions(self, domain: str, image: str) -> dict[str, Any]:
        plugin_id = image.rpartition("/")[2]
        return dict(self.client.ask("get_versions", domain_id=domain, plugin_id=plugin_id, timeout_s=60))

    def refusal(self, domain: str, image: str) -> type[ContractError] | None:
        """Why there are no versions, None when there are."""
        try:
            self.versions(domain, image)
        except ContractError as refusal:
            return type(refusal)
        return None

    def events(self, subject: str) -> list[dict[str, Any]]:
        """What was told of an image, in order; ids are as they must be."""
        entries = [fields for fields in Stream(self.redis).entries() if fields["subject"] == subject]
        assert [e["id"] for e in entries] == [f"{subject}@{n}" for n in range(1, len(entries) + 1)]
        return [json.loads(e["data"]) for e in entries]

    def status(self) -> dict[str, tuple[int, int]]:
        """How many images each host has, and how many of them fail."""
        rows = [json.loads(line) for line in self.cli("sync", "status", "--json").splitlines()]
        return {row["host"]: (row["images"], row["failing"]) for row in rows}

    def cli(self, *arguments: str) -> str:
        result = CliRunner().invoke(main, arguments, env=self.env, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}-{self._starts}.log"
