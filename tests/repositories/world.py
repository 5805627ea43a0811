"""One deployment with two folders of plugins."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.commands import ListPlugins
from contracts.parse import parse
from tests.support.deployments import LOCAL, Store, managed_entry
from worker.domain.policy import Policy
from worker.domain.repositories import Repositories
from worker.repositories.managed.watch import FolderWatch
from worker.store.indexes import ensure_indexes
from worker.store.managed import ManagedPlugins

JIRA = {"name": "JIRA", "service_type": "notification.Protocol", "image": "acme/jira"}
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class World:
    """One deployment with two folders, and a clock."""

    def __init__(self, mongodb_url: str, base: Path) -> None:
        self.url = mongodb_url
        self.one, self.two = base / "one", base / "two"
        self.one.mkdir()
        self.two.mkdir()
        self.entries = [
            managed_entry("repo-one", str(self.one)),
            LOCAL,
            managed_entry("repo-two", str(self.two)),
        ]
        self.now = START
        self.store = Store(mongodb_url)
        self.plugins: Any = self.store.database["plugins"]
        ensure_indexes(self.store.database)

    def watch(self, *entries: dict[str, Any], **options: Any) -> FolderWatch:
        self.store.repositories = Repositories.of(entries or self.entries)
        policy = Policy(
            self.store.repositories.local.info, registry=lambda kind, url: "registry.hub.docker.com"
        )
        store = ManagedPlugins(self.store.database)
        return FolderWatch(store, self.store.repositories, policy, clock=lambda: self.now, **options)

    def answer(self, command: Any, **arguments: Any) -> dict[str, Any]:
        given = parse(command, {"domain_id": "d-1"} | arguments)
        return self.store.reader().answer(given)

    def names(self, **arguments: Any) -> list[str]:
        return [row["name"] for row in self.answer(ListPlugins, **arguments)["results"]]


def put(folder: Path, name: str, /, **fields: Any) -> None:
    # A file of another size or inode is a change, however soon it comes after the one before.
    file = folder / f"{name}.json"
    file.unlink(missing_ok=True)
    file.write_text(json.dumps(JIRA | {"image": f"acme/{name}", "name": name} | fields))
