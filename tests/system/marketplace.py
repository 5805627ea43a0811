"""A folder of plugin documents as a managed repository of a whole deployment, with a registry that has them.

By hand, on the documents of somebody else: `python -m tests.system.marketplace FOLDER PREFIX`
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from contracts.errors import Unavailable
from tests.registries.double import Double
from tests.support.servers import start_mongod, start_redis, wait_until
from tests.system.versions_deployment import Deployment
from worker.documents.read import read_document
from worker.terminal import say

DOMAIN = "d-market"
TAGS = ["1.9", "2.0", "1.10"]
NEWEST_FIRST = ["2.0", "1.10", "1.9"]


@dataclass(frozen=True)
class Seen:
    """What a caller and the registry saw.

    ``listed``: the plugins of ``plugin.list``, by id. ``found``: how many a query for their own fields finds.
    ``versions``: of each plugin. ``asked``: the images that the registry was asked for. ``doctor``: what
    `plugins doctor` found.
    """

    listed: Mapping[str, dict[str, Any]]
    found: int
    versions: Mapping[str, list[str]]
    asked: frozenset[str]
    doctor: list[dict[str, Any]]

    @property
    def warnings(self) -> list[str]:
        return [f"{f['subject']}: {f['text']}" for f in self.doctor if f["level"] != "ok"]


def documents(folder: Path) -> list[dict[str, Any]]:
    """The documents of a folder, in the order of their files."""
    return [dict(read_document(file)) for file in sorted(folder.glob("*.yaml"))]


def prefixed(image: str, prefix: str) -> str:
    """The image that a document names."""
    return image if "/" in image else f"{prefix}/{image}"


@contextmanager
def deployed(folder: Path, prefix: str, work: Path, mongodb_url: str) -> Iterator[tuple[Deployment, Double]]:
    """A deployment with the folder as a managed repository, and its Docker Hub."""
    registry = Double(tags={prefixed(given["image"], prefix): TAGS for given in documents(folder)})
    market = {"repository_id": "repo-market", "name": "Market", "repository_type": "managed"}
    repositories = [
        {"repository_id": "repo-local", "name": "Local", "repository_type": "local"},
        market | {"path": str(folder), "image_prefix": prefix},
    ]
    redis = start_redis(work / "redis", maxmemory="256mb")
    env = {
        "PLUGINS_REDIS_URL": redis.url,
        "PLUGINS_MONGODB_URL": mongodb_url,
        "PLUGINS_HEARTBEAT_DIR": str(work / "beats"),
        "PLUGINS_REPOSITORIES": json.dumps(repositories),
        "PLUGINS_REGISTRY_MIRRORS": f"DOCKER_HUB={registry.url}",
        "PLUGINS_REGISTRY_BUDGETS": "docker.io=50/2",
    }
    deployment = Deployment(env, work)
    try:
        deployment.start()
        yield deployment, registry
    finally:
        deployment.close()
        redis.stop()
        registry.close()


def look(deployment: Deployment, registry: Double, expected: int) -> Seen:
    """Wait for the documents to be loaded, and ask for everything."""
    wait_until(lambda: listed(deployment)["total_count"] == expected, 60, "the documents")
    rows = {row["plugin_id"]: row for row in listed(deployment)["results"]}
    found = sum(plugin_id in _found(deployment, row) for plugin_id, row in rows.items())
    versions: dict[str, list[str]] = {}
    for plugin_id in rows:
        read = partial(_versions, deployment, plugin_id, versions)
        wait_until(read, 120, f"the versions of {plugin_id}")
    findings = json.loads(deployment.cli("doctor", "--json"))["findings"]
    asked = {a.path.removeprefix("/v2/").removesuffix("/tags/list") for a in registry.asked}
    return Seen(rows, found, versions, frozenset(asked), findings)


def listed(deployment: Deployment, **arguments: Any) -> dict[str, Any]:
    return dict(deployment.client.ask("list", domain_id=DOMAIN, timeout_s=60, **arguments))


def _found(deployment: Deployment, row: Mapping[str, Any]) -> set[str]:
    """The ids that a query for a plugin's own name, image and type finds."""
    keys = [key for key in ("name", "image", "service_type", "provider") if key in row]
    conditions = [{"key": key, "value": row[key], "operator": "eq"} for key in keys]
    return {found["plugin_id"] for found in listed(deployment, query={"filter": conditions})["results"]}


def _versions(deployment: Deployment, plugin_id: str, into: dict[str, list[str]]) -> bool:
    try:
        into[plugin_id] = deployment.versions(DOMAIN, plugin_id)["results"]
    except Unavailable:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("prefix")
    given = parser.parse_args(arguments)
    expected = documents(given.folder)
    with tempfile.TemporaryDirectory() as name:
        mongo = start_mongod(Path(name) / "mongo")
        try:
            with deployed(given.folder, given.prefix, Path(name), mongo.url("plugins")) as (
                running,
                registry,
            ):
                seen = look(running, registry, len(expected))
        finally:
            mongo.stop()
    images = {prefixed(document["image"], given.prefix) for document in expected}
    complete = sum(versions == NEWEST_FIRST for versions in seen.versions.values())
    say(
        f"{len(expected)} documents: {len(seen.listed)} listed, {seen.found} found by query, {complete} with all versions, "
        f"{len(images & seen.asked)} of {len(images)} images asked for, {len(seen.asked - images)} others, "
        f"{len(seen.warnings)} warnings of doctor"
    )
    for finding in seen.doctor:
        if finding["check"] == "managed" or finding["level"] != "ok":
            say(f"{finding['level']}  {finding['subject']}: {finding['text']}")
    is_complete = len(seen.listed) == seen.found == complete == len(expected)
    return int(not is_complete or seen.asked != images or bool(seen.warnings))


if __name__ == "__main__":
    sys.exit(main())
