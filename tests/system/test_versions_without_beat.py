"""The versions of a new plugin are fetched by its event alone: there is no beat, and so no tick."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registries.real_registry import RealRegistry
from tests.support.servers import MongoReplicaSet, start_redis, wait_until
from tests.system.versions_deployment import Deployment


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def deployment(
    registry: RealRegistry, mongodb_server: MongoReplicaSet, tmp_path: Path
) -> Iterator[Deployment]:
    redis = start_redis(tmp_path, appendfsync=None)
    env = {
        "PLUGINS_REDIS_URL": redis.url,
        "PLUGINS_MONGODB_URL": mongodb_server.url(f"beatless_{redis.port}"),
        "PLUGINS_ALLOWED_REGISTRIES": f"http://{registry.authority}",
    }
    deployment = Deployment(env, tmp_path)
    try:
        yield deployment
    finally:
        deployment.close()
        redis.stop()


def register(deployment: Deployment, registry: RealRegistry, image: str) -> str:
    """Register a plugin; the subject of its image."""
    registry.push(image, "1.0")
    plugin: dict[str, Any] = deployment.register(
        "domain", image, registry_type="OCI", registry_url=registry.authority
    )
    return f"images/{plugin['registry_url']}/{image}"


def test_they_are_fetched_at_once(deployment: Deployment, registry: RealRegistry) -> None:
    deployment.start_workers("commands", "versions")
    subject = register(deployment, registry, "team/first")
    wait_until(lambda: deployment.events(subject), 60, "the first list")


def test_they_are_fetched_by_a_worker_that_starts_after_the_event(
    deployment: Deployment, registry: RealRegistry
) -> None:
    deployment.start_workers("commands")
    before = register(deployment, registry, "team/before")
    assert not deployment.redis.exists("plugin.versions")
    deployment.start_workers("versions")
    wait_until(lambda: deployment.events(before), 60, "the first list")
