"""Versions of images, from a registration to a new tag: every process of a deployment, and real registries."""

import json
from collections.abc import Callable, Iterator

import pytest

from contracts.errors import ImageNotFound, InvalidParameter, RegistryUnavailable
from tests.registries.conftest import SECRET
from tests.registries.real_registry import BASIC, HTPASSWD, USER, RealRegistry
from tests.support.servers import MongoReplicaSet, start_redis, wait_until
from tests.system.versions_deployment import Deployment


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry for everyone."""
    with RealRegistry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry that asks for a user and a password."""
    folder = tmp_path_factory.mktemp("closed")
    (folder / "htpasswd").write_text(HTPASSWD)
    with RealRegistry(folder, {"htpasswd": {"realm": "r", "path": str(folder / "htpasswd")}}) as registry:
        registry.push("team/closed", "1.0", "2.0", authorization=BASIC)
        yield registry


@pytest.fixture(scope="module")
def credentials(closed: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Writes the file of credentials: ``robot``, for the closed registry and some domains."""
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "password").write_text(SECRET)

    def write(*domains: str) -> str:
        robot = {"hosts": [closed.authority], "domains": [*domains], "username": USER}
        (folder / "file.json").write_text(json.dumps({"robot": robot | {"password_file": "password"}}))
        return str(folder / "file.json")

    return write


@pytest.fixture(scope="module")
def deployment(
    registry: RealRegistry,
    closed: RealRegistry,
    credentials: Callable[..., str],
    mongodb_server: MongoReplicaSet,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """A deployment whose Docker Hub is the registry for everyone."""
    redis = start_redis(tmp_path_factory.mktemp("redis"), appendfsync=None)
    hosts = (registry.authority, closed.authority, "docker.io")
    env = {
        "PLUGINS_REDIS_URL": redis.url,
        "PLUGINS_MONGODB_URL": mongodb_server.url(f"versions_{redis.port}"),
        "PLUGINS_ALLOWED_REGISTRIES": f"http://{registry.authority},http://{closed.authority},http://127.0.0.1:1",
        "PLUGINS_REGISTRY_MIRRORS": f"DOCKER_HUB=http://{registry.authority}",
        "PLUGINS_REGISTRY_CREDENTIALS": credentials("owner", "lodger"),
        "PLUGINS_REGISTRY_BUDGETS": ",".join(f"{host}=50/2" for host in hosts),
    }
    deployment = Deployment(env, tmp_path_factory.mktemp("logs"))
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()
        redis.stop()


@pytest.fixture(params=["as an allowed registry", "as the mirror of Docker Hub"])
def where(request: pytest.FixtureRequest, registry: RealRegistry) -> tuple[str, dict[str, str]]:
    """A domain that registers at the registry, and how it names it."""
    if request.param == "as an allowed registry":
        return "oci", {"registry_type": "OCI", "registry_url": registry.authority}
    return "hub", {"registry_type": "DOCKER_HUB"}


def test_from_a_registration_to_a_new_tag(
    deployment: Deployment, registry: RealRegistry, where: tuple[str, dict[str, str]]
) -> None:
    domain, fields = where
    image = f"team/{domain}"
    before = deployment.status()
    registry.push(image, "1.9", "1.10", "latest", "1.10-rc1")
    plugin = deployment.register(domain, image, **fields)
    subject = f"images/{plugin['registry_url']}/{image}"
    wait_until(lambda: deployment.events(subject), 120, "the first list")
    (first,) = deployment.events(subject)
    newest = ["1.10", "1.10-rc1", "1.9", "latest"]
    assert (first["initial"], first["added"], first["latest"]) == (True, newest, "1.10")
    assert first["plugins"] == [{"domain_id": domain, "plugin_id": domain}]
    info = deployment.versions(domain, image)
    assert (info["results"], info["total_count"]) == (newest, 4)
    assert (info["stale"], info["truncated"], info["sync_state"]) == (False, False, "ok")
    assert (
        json.loads(deployment.cli("versions", domain, "--domain-id", domain, "--json"))["results"] == newest
    )

    registry.push(image, "2.0")
    deployment.cli("sync", "now", subject)
    wait_until(lambda: len(deployment.events(subject)) == 2, 120, "the new tag")
    _, second = deployment.events(subject)
    assert (second["initial"], second["added"], second["removed"]) == (False, ["2.0"], [])
    assert (second["latest"], second["total_count"], second["revision"]) == ("2.0", 5, 2)
    assert deployment.versions(domain, image)["results"] == ["2.0", *newest]
    images, failing = before.get(plugin["registry_url"], (0, 0))
    now = deployment.status()[plugin["registry_url"]]
    assert now[0] == images + 1
    assert now[1] <= failing, "what failed before may be well by now"


def test_an_image_that_the_registry_does_not_have(deployment: Deployment, registry: RealRegistry) -> None:
    deployment.register("none", "team/none", registry_type="OCI", registry_url=registry.authority)
    wait_until(lambda: deployment.refusal("none", "team/none") is ImageNotFound, 180, "that it is not found")


def test_a_registry_that_wants_a_password_and_gets_none(deployment: Deployment, closed: RealRegistry) -> None:
    named = {"registry_type": "OCI", "registry_url": closed.authority}
    deployment.register("nobody", "team/closed", **named)
    wait_until(lambda: deployment.refusal("nobody", "team/closed") is RegistryUnavailable, 180, "a refusal")
    with pytest.raises(InvalidParameter):
        deployment.register("stranger", "team/closed", registry_config={"credential": "robot"}, **named)


def test_a_registry_that_is_away_is_not_an_image_that_is_not_there(deployment: Deployment) -> None:
    deployment.register("away", "team/away", registry_type="OCI", registry_url="127.0.0.1:1")
    wait_until(lambda: deployment.refusal("away", "team/away") is RegistryUnavailable, 180, "a refusal")


def test_a_credential_is_used_only_for_those_who_may(
    deployment: Deployment, closed: RealRegistry, credentials: Callable[..., str]
) -> None:
    named = {
        "registry_type": "OCI",
        "registry_url": closed.authority,
        "registry_config": {"credential": "robot"},
    }
    for domain in ("owner", "lodger"):
        deployment.register(domain, "team/closed", **named)
    subject = f"images/{closed.authority}/team/closed#robot"
    wait_until(lambda: deployment.events(subject), 120, "the first list")
    assert deployment.versions("lodger", "team/closed")["results"] == ["2.0", "1.0"]

    deployment.stop()
    credentials("owner")
    deployment.start()
    assert deployment.refusal("lodger", "team/closed") is RegistryUnavailable
    assert deployment.versions("owner", "team/closed")["results"] == ["2.0", "1.0"]
    assert SECRET not in deployment.logs()
    assert BASIC not in deployment.logs()


def test_the_list_is_answered_while_the_registry_is_down(
    deployment: Deployment, registry: RealRegistry, where: tuple[str, dict[str, str]]
) -> None:
    domain, fields = f"down-{where[0]}", where[1]
    image = f"team/{domain}"
    registry.push(image, "1.0", "2.0")
    deployment.register(domain, image, **fields)
    wait_until(lambda: deployment.refusal(domain, image) is None, 120, "the first list")
    registry.close()
    try:
        deployment.cli("sync", "now", image)

        def down() -> bool:
            info = deployment.versions(domain, image)
            assert info["results"] == ["2.0", "1.0"]
            return info["sync_state"] == "unavailable" and bool(info["stale"])

        wait_until(down, 180, "that the registry is down")
    finally:
        registry.start()
