"""Given an image with a host in front: the registry's own is dropped, another is told, a project stays."""

import json
import re
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zlib import crc32

import pytest

from contracts.commands import DisablePlugin, RegisterPlugin, UpdatePlugin
from contracts.errors import InvalidImage, PluginAlreadyExists, RegistryNotAllowed
from contracts.parse import parse
from contracts.partition import partition, queue_of
from contracts.plugin import PluginInfo, RepositoryInfo
from contracts.values import IMAGE_PATTERN
from worker.cli.publish.schemas import documents
from worker.domain.managed import managed_plugin
from worker.domain.plugin import Changed, decide
from worker.domain.policy import Policy
from worker.domain.registry.allowed import AllowedRegistries
from worker.domain.registry.hosts import check_registry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOCAL = RepositoryInfo(repository_id="repo-local", name="Local", repository_type="local")
ALLOWED = AllowedRegistries.parse(
    "harbor.example.com,registry.test:5000,http://plain.test,.pkg.dev,gcr.io,registry,10.1.2.3:5000,[fd12::1]:5000,"
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com,registry-1.docker.io,http://localhost:5000"
)
POLICY = Policy(repository=LOCAL, registry=partial(check_registry, ALLOWED), image_max_length=40)
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def register(image: str, registry_type: str = "DOCKER_HUB", registry_url: str | None = None) -> PluginInfo:
    decision = decide(None, 0, command(image, registry_type, registry_url), NOW, POLICY)
    assert isinstance(decision, Changed)
    return decision.plugin


def command(image: str, registry_type: str = "DOCKER_HUB", registry_url: str | None = None) -> RegisterPlugin:
    given = {"domain_id": "d-1", "name": "x", "service_type": "x", "image": image}
    return parse(RegisterPlugin, given | {"registry_type": registry_type, "registry_url": registry_url})


@pytest.mark.parametrize(
    ("image", "registry_type", "registry_url", "stored"),
    [
        ("docker.io/library/redis", "DOCKER_HUB", None, "library/redis"),
        ("docker.io/redis", "DOCKER_HUB", None, "redis"),
        ("index.docker.io/acme/app", "DOCKER_HUB", "docker.io", "acme/app"),
        ("registry-1.docker.io/acme/app", "DOCKER_HUB", None, "acme/app"),
        ("registry.hub.docker.com/acme/app", "DOCKER_HUB", None, "acme/app"),
        ("hub.docker.com/acme/app", "DOCKER_HUB", None, "acme/app"),
        ("Docker.IO:443/acme/app", "DOCKER_HUB", None, "acme/app"),
        ("docker.io/acme/app", "OCI", "registry-1.docker.io", "acme/app"),
        ("ghcr.io/acme/app", "GITHUB", "ghcr.io", "acme/app"),
        ("public.ecr.aws/acme/app", "AWS_PUBLIC_ECR", "public.ecr.aws", "acme/app"),
        ("public.ecr.aws/acme/app", "AWS_PUBLIC_ECR", "public.ecr.aws/acme", "acme/app"),
        (f"{ECR}/team/app", "AWS_PRIVATE_ECR", ECR, "team/app"),
        (
            "eu-docker.pkg.dev/project/repo/app",
            "GCP_ARTIFACT_REGISTRY",
            "eu-docker.pkg.dev",
            "project/repo/app",
        ),
        ("gcr.io/project/app", "GCP_ARTIFACT_REGISTRY", "gcr.io", "project/app"),
        ("harbor.example.com/acme/own", "HARBOR", "harbor.example.com", "acme/own"),
        ("HARBOR.example.com:443/acme/own", "HARBOR", "harbor.example.com", "acme/own"),
        ("registry.test:5000/acme/own", "OCI", "registry.test:5000", "acme/own"),
        ("plain.test:80/own", "OCI", "plain.test:80", "own"),
        ("registry/acme/own", "OCI", "registry", "acme/own"),
        ("localhost:5000/acme/own", "OCI", "localhost:5000", "acme/own"),
        ("10.1.2.3:5000/acme/own", "OCI", "10.1.2.3:5000", "acme/own"),
        ("[fd12::1]:5000/acme/own", "OCI", "[fd12::1]:5000", "acme/own"),
    ],
)
def test_the_registrys_own_name_is_dropped(
    image: str, registry_type: str, registry_url: str | None, stored: str
) -> None:
    plugin = register(image, registry_type, registry_url)
    assert (plugin.image, plugin.plugin_id) == (stored, stored.rsplit("/", 1)[-1])


@pytest.mark.parametrize(
    ("image", "registry_type", "registry_url", "hint"),
    [
        ("ghcr.io/acme/app", "DOCKER_HUB", None, "name it by registry_type GITHUB, not in image"),
        ("public.ecr.aws/acme/app", "DOCKER_HUB", None, "registry_type AWS_PUBLIC_ECR,"),
        ("quay.io/acme/app", "DOCKER_HUB", None, "registry_type and registry_url,"),
        ("any.dots/app", "DOCKER_HUB", None, "begins with any.dots"),
        ("docker.io/quay.io/acme/app", "DOCKER_HUB", None, "begins with quay.io"),
        ("docker.io/acme/app", "GITHUB", "ghcr.io", "registry_type DOCKER_HUB,"),
        ("ghcr.io/docker.io/app", "GITHUB", "ghcr.io", "registry_type DOCKER_HUB,"),
        ("localhost/app", "DOCKER_HUB", None, "begins with localhost"),
        ("localhost:5000/app", "DOCKER_HUB", None, "begins with localhost:5000"),
        ("registry:5000/app", "DOCKER_HUB", None, "begins with registry:5000"),
        ("registry.test:5000/acme/own", "OCI", "plain.test", "begins with registry.test:5000"),
        ("registry.test:5001/acme/own", "OCI", "registry.test:5000", "begins with registry.test:5001"),
        ("registry.test/acme/own", "OCI", "registry.test:5000", "begins with registry.test,"),
        ("registry.internal/acme/own", "HARBOR", "harbor.example.com", "begins with registry.internal"),
        ("10.1.2.3/acme/own", "OCI", "plain.test", "begins with 10.1.2.3"),
        ("[fd12::1]:5000/own", "OCI", "plain.test", "begins with [fd12::1]:5000"),
        ("docker.io/library/redis", "HARBOR", "harbor.example.com", "write harbor.example.com/docker.io/..."),
        ("quay.io/acme/app", "OCI", "registry.test:5000", "write registry.test:5000/quay.io/..."),
        ("registry.k8s.io/pause", "OCI", "plain.test", "begins with registry.k8s.io"),
        ("ghcr.io/acme/app", "GCP_ARTIFACT_REGISTRY", "gcr.io", "registry_type GITHUB,"),
        ("eu-docker.pkg.dev/p/r/a", "GCP_ARTIFACT_REGISTRY", "gcr.io", "begins with eu-docker.pkg.dev"),
        ("ghcr.io/acme/app", "AWS_PUBLIC_ECR", "public.ecr.aws/acme", "registry_type GITHUB,"),
    ],
)
def test_another_host_is_refused_with_a_hint(
    image: str, registry_type: str, registry_url: str | None, hint: str
) -> None:
    with pytest.raises(InvalidImage) as refusal:
        register(image, registry_type, registry_url)
    assert hint in refusal.value.message
    assert refusal.value.details == {"path": "image", "spaceone_code": "ERROR_INVALID_IMAGE_NAME_FORMAT"}


@pytest.mark.parametrize(
    ("image", "registry_type", "registry_url", "stored"),
    [
        # Projects of Harbor and folders of others may have dots.
        ("my.project/app", "HARBOR", "harbor.example.com", "my.project/app"),
        ("v1.2/app", "OCI", "plain.test", "v1.2/app"),
        ("team.a/app", "AWS_PRIVATE_ECR", ECR, "team.a/app"),
        # Those that mirror a registry are often called as it is: the own name in front says that it is meant.
        (
            "harbor.example.com/docker.io/library/redis",
            "HARBOR",
            "harbor.example.com",
            "docker.io/library/redis",
        ),
        ("plain.test/localhost/app", "OCI", "plain.test", "localhost/app"),
        ("plain.test/plain.test/app", "OCI", "plain.test", "plain.test/app"),
        # Projects of Google may begin with a domain.
        ("example.com/project/app", "GCP_ARTIFACT_REGISTRY", "gcr.io", "example.com/project/app"),
        # One part is no host, whatever is in it.
        ("node.js", "DOCKER_HUB", None, "node.js"),
        ("docker.io", "DOCKER_HUB", None, "docker.io"),
        ("localhost", "DOCKER_HUB", None, "localhost"),
        # Dots behind the first part.
        ("acme/docker.io", "DOCKER_HUB", None, "acme/docker.io"),
    ],
)
def test_what_is_no_host_stays(image: str, registry_type: str, registry_url: str | None, stored: str) -> None:
    assert register(image, registry_type, registry_url).image == stored


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        ("https://ghcr.io/acme/app", "image has a scheme"),
        ("docker://acme/app", "image has a scheme"),
        ("acme/app@sha256:00", "image has a digest"),
        ("acme/app:1.0@sha256:00", "image has a digest"),
        ("acme/app:1.0", "image has a tag"),
        ("ghcr.io/acme/app:latest", "image has a tag"),
        ("localhost:5000", "image has a tag"),
        ("Acme/App", "image has capital letters"),
        ("ghcr.io/Acme/app", "image has capital letters"),
        ("My.Project/app", "image has capital letters"),
        ("LOCALHOST/app", "image has capital letters"),
        ("ghcr.io//app", "image is not an image name"),
        ("ghcr.io/", "image is not an image name"),
        ("/acme/app", "image is not an image name"),
        ("host:port/app", "image is not an image name"),
        ("host:123456/app", "image is not an image name"),
        ("a:1/b:2/c", "image is not an image name"),
        ("user@host/app", "image has a digest"),
        ("acme app", "image is not an image name"),
    ],
)
def test_what_is_wrong_is_told_in_words(image: str, hint: str) -> None:
    with pytest.raises(InvalidImage) as refusal:
        register(image, "HARBOR", "harbor.example.com")
    assert refusal.value.message.startswith(hint)


def test_the_host_does_not_count_towards_the_length() -> None:
    image = "a" * 36 + "/app"
    assert register(f"harbor.example.com/{image}", "HARBOR", "harbor.example.com").image == image
    with pytest.raises(InvalidImage, match="41 characters; 40 are allowed"):
        register(f"harbor.example.com/a{image}", "HARBOR", "harbor.example.com")


def test_a_registry_that_is_not_allowed_is_told_before_its_name_is_dropped() -> None:
    with pytest.raises(RegistryNotAllowed):
        register("evil.test/acme/app", "OCI", "evil.test")


def test_another_spelling_is_the_same_plugin() -> None:
    with pytest.raises(PluginAlreadyExists):
        decide(register("library/redis"), 1, command("docker.io/library/redis"), NOW, POLICY)


@pytest.mark.parametrize("image", ["acme/own", "registry.test:5000/acme/own", "[fd12::1]:5000/own", "own"])
def test_the_partition_is_that_of_the_plugin(image: str) -> None:
    """Whoever sends the command computes it from what is sent."""
    params = {"domain_id": "d-1", "image": image}
    assert queue_of("plugin.register", params, 16) == f"plugin.commands.{crc32(b'd-1/own') % 16}"
    assert queue_of("plugin.update", {"domain_id": "d-1", "plugin_id": "own"}, 16) == queue_of(
        "plugin.register", params, 16
    )
    assert (
        partition("d-1", command(image, "OCI", "registry.test:5000").plugin_id, 16) == crc32(b"d-1/own") % 16
    )


@pytest.mark.parametrize("image", ["docker.io/library/redis", "ghcr.io/acme/redis"])
def test_a_plugin_that_was_registered_so_can_still_be_changed(image: str) -> None:
    plugin = register("library/redis").model_copy(update={"image": image})
    for change in (
        parse(UpdatePlugin, {"domain_id": "d-1", "plugin_id": "redis", "name": "Redis"}),
        parse(DisablePlugin, {"domain_id": "d-1", "plugin_id": "redis"}),
    ):
        decision = decide(plugin, 1, change, NOW, POLICY)
        assert isinstance(decision, Changed)
        assert decision.plugin.image == image
        assert PluginInfo.model_validate_json(decision.text).image == image


def test_a_managed_document_may_name_its_registry_in_the_image() -> None:
    document: dict[str, Any] = {"name": "x", "service_type": "x", "image": "docker.io/library/redis"}
    plugin = managed_plugin(document, LOCAL, NOW, POLICY).plugin
    assert (plugin.image, plugin.plugin_id) == ("library/redis", "redis")


def test_the_published_pattern_takes_what_register_takes() -> None:
    fields = json.loads(documents()["RegisterPlugin.json"])["properties"]
    published = re.compile(fields["image"]["pattern"])
    for image in ("docker.io/library/redis", "[fd12::1]:5000/own", "localhost:5000/a", "a/b"):
        assert published.search(image)
        assert command(image).image == image
    for image in ("a:1.0", "A/b", "https://a/b", "a/b:5000/c", "host:123456/app"):
        assert not published.search(image)
    assert IMAGE_PATTERN.match("a/b")
