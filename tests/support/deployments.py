"""Deployments for tests of repositories: what each holds, and how one asks another without a queue between."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from contracts.catalog import BY_TASK
from contracts.errors import PluginNotFound
from contracts.parse import parse
from contracts.plugin import RepositoryInfo
from contracts.query import parse_query
from worker.domain.projection import project
from worker.domain.repositories import RemoteOptions, Repositories
from worker.plugins.listing import Listing
from worker.plugins.read import Reader
from worker.plugins.terms import Terms
from worker.repositories.remote.peer import Remote
from worker.store.client import connect_mongodb
from worker.store.condition import ConditionEvaluator
from worker.store.plugins import Plugins
from worker.store.search import Search

LOCAL = {"repository_id": "repo-local", "name": "Local", "repository_type": "local"}
URL = "redis://:hunter2@remote.invalid:6379/0"


def remote_entry(name: str, **fields: Any) -> dict[str, Any]:
    given = {"redis_url": URL, "domain_id": "market", "timeout_s": 5}
    return {"repository_id": name, "name": name.title(), "repository_type": "remote"} | given | fields


def managed_entry(name: str, path: str = "/nowhere") -> dict[str, Any]:
    return {"repository_id": name, "name": name.title(), "repository_type": "managed", "path": path}


def plugin_row(plugin_id: str, repository: Mapping[str, Any] = LOCAL, /, **fields: Any) -> dict[str, Any]:
    """A stored plugin, but for its domain."""
    info = {key: repository[key] for key in ("repository_id", "name", "repository_type")}
    return {
        "plugin_id": plugin_id,
        "name": plugin_id.upper(),
        "image": f"acme/{plugin_id}",
        "registry_type": "DOCKER_HUB",
        "registry_url": "registry.hub.docker.com",
        "registry_config": {},
        "state": "ENABLED",
        "service_type": "notification.Protocol",
        "capability": {},
        "template": {},
        "labels": [],
        "tags": {},
        "repository_info": info,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    } | fields


def dated(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its times as the store keeps them."""
    return {**row, **{name: datetime.fromisoformat(row[name]) for name in ("created_at", "updated_at")}}


class Store:
    """The plugins of one deployment, in a real MongoDB."""

    def __init__(self, mongodb_url: str, *entries: Mapping[str, Any]) -> None:
        self.database = connect_mongodb(mongodb_url)
        self.repositories = Repositories.of([LOCAL, *entries])

    def insert(self, *rows: dict[str, Any], domain: str = "d-1") -> None:
        documents = []
        for row in rows:
            owner = self.repositories.all
            info = next(r for r in owner if r.repository_id == row["repository_info"]["repository_id"])
            is_managed = info.info.repository_type == "managed"
            stored = dated(row)
            scope = "" if is_managed else domain
            prefix = f"//{info.repository_id}" if is_managed else domain
            document = {"_id": f"{prefix}/{row['plugin_id']}", "scope": scope, "rank": info.rank}
            if not is_managed:
                stored["domain_id"] = domain
                document |= {"revision": 1, "fence": 0, "applied": []}
            documents.append({**document, "plugin": stored})
        self.database["plugins"].insert_many(documents)

    def reader(self, remotes: Mapping[str, Remote] | None = None, max_results: int = 10_000) -> Reader:
        has_managed = bool(self.repositories.managed)
        search = Search(self.database["plugins"], max_results=max_results, has_managed=has_managed)

        def no_versions() -> Any:
            raise LookupError("versions are not part of this test")

        remotes = remotes or {}
        plugins = Plugins(self.database, self.repositories.local.info)
        evaluator = ConditionEvaluator(self.database)
        listing = Listing(search, evaluator, self.repositories, remotes, max_results)
        return Reader(plugins, search, no_versions, self.repositories, remotes, listing)

    def close(self) -> None:
        self.database.client.close()


class Desk:
    """Stands where a client of another deployment stands: JSON in, JSON out, what was asked is kept."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], Any]) -> None:
        self._answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.closed = 0

    def ask(self, operation: str, *, timeout_s: float, expires_s: float, **params: Any) -> Any:
        sent = json.loads(json.dumps(params))
        self.asked.append((operation, sent))
        return json.loads(json.dumps(self._answer(operation, sent)))

    def close(self) -> None:
        self.closed += 1


def desk_of(reader: Reader) -> Desk:
    """Answers as that deployment does when another asks."""

    def answer(operation: str, params: dict[str, Any]) -> Any:
        command: Any = parse(BY_TASK[f"plugin.{operation}"].command, params)
        return reader.answer(command, Terms(own_only=True))

    return Desk(answer)


NOBODY = Desk(lambda operation, params: {"results": [], "total_count": 0})
"""A remote that offers no plugin."""

OFFERED = plugin_row("jira", domain_id="market", revision=3)
SHOWN = OFFERED | {
    "repository_info": {"repository_id": "market", "name": "Market", "repository_type": "remote"}
}
"""A plugin as a remote answers it, and as it is shown then."""


def answers(answer: Any) -> Desk:
    """A remote that answers this to everything."""
    return Desk(lambda operation, params: answer)


def page_of(count: int, **fields: Any) -> Desk:
    """A remote with that many plugins, m00, m01, ... by name."""

    def answer(operation: str, params: dict[str, Any]) -> Any:
        rows = [
            OFFERED | {"plugin_id": f"m{n:02}", "image": f"acme/m{n:02}", "name": f"m{n:02}"} | fields
            for n in range(count)
        ]
        page = parse_query(params["query"]).page
        only = params["query"].get("only", ())
        shown = [project(row, only) for row in rows[page.skip : page.skip + page.limit]]
        return {"results": shown} | ({} if params["query"].get("no_count") else {"total_count": count})

    return Desk(answer)


def desk_that_raises(fault: BaseException) -> Desk:
    def answer(operation: str, params: dict[str, Any]) -> Any:
        raise fault

    return Desk(answer)


def open_remote(
    desk: Desk | Callable[[], Desk],
    name: str = "market",
    token: Callable[[], str | None] = lambda: None,
    **options: Any,
) -> Remote:
    """A remote repository behind a desk."""
    info = RepositoryInfo(repository_id=name, name=name.title(), repository_type="remote")
    given: dict[str, Any] = {"redis_url": URL, "domain_id": "market", "timeout_s": 5.0} | options
    make = desk if callable(desk) else lambda: desk
    return Remote(
        info, RemoteOptions.model_validate(given), token, connect=lambda url, secret, timeout_s: make()
    )


def ask(store: Store, command: Any, market: Desk, partner: Desk | None = None, **arguments: Any) -> Any:
    """What domain d-1 is answered by a store with the remotes market and partner."""
    remotes = {
        "market": open_remote(market, timeout_s=30.0),
        "partner": open_remote(partner or desk_that_raises(PluginNotFound("no")), "partner", timeout_s=30.0),
    }
    try:
        return store.reader(remotes).answer(parse(command, {"domain_id": "d-1"} | arguments))
    finally:
        for remote in remotes.values():
            remote.close()
