"""Which image a plugin means."""

import pytest

from worker.domain.image import FetchFailed, ImageRef, digest_of


@pytest.mark.parametrize(
    ("ref", "subject", "repository", "group"),
    [
        (
            ImageRef("DOCKER_HUB", "registry.hub.docker.com", "pyengine/aws-sns"),
            "images/registry.hub.docker.com/pyengine/aws-sns",
            "pyengine/aws-sns",
            "registry.hub.docker.com",
        ),
        (
            ImageRef("DOCKER_HUB", "registry.hub.docker.com", "nginx"),
            "images/registry.hub.docker.com/nginx",
            "library/nginx",
            "registry.hub.docker.com",
        ),
        (
            ImageRef("OCI", "registry-1.docker.io", "library/nginx"),
            "images/registry-1.docker.io/library/nginx",
            "library/nginx",
            "registry.hub.docker.com",
        ),
        (
            ImageRef("AWS_PUBLIC_ECR", "public.ecr.aws/megazone", "spaceone/plugin"),
            "images/public.ecr.aws/megazone/spaceone/plugin",
            "megazone/spaceone/plugin",
            "public.ecr.aws",
        ),
        (
            ImageRef("AWS_PUBLIC_ECR", "public.ecr.aws", "megazone/spaceone/plugin", "team"),
            "images/public.ecr.aws/megazone/spaceone/plugin#team",
            "megazone/spaceone/plugin",
            "public.ecr.aws#team",
        ),
        (
            ImageRef("HARBOR", "Harbor.Example.COM:8443", "team/plugin", "robot"),
            "images/harbor.example.com:8443/team/plugin#robot",
            "team/plugin",
            "harbor.example.com:8443",
        ),
    ],
)
def test_subject_repository_and_budget_group(
    ref: ImageRef, subject: str, repository: str, group: str
) -> None:
    assert (ref.subject, ref.key, ref.repository, ref.budget_group) == (subject, subject, repository, group)


@pytest.mark.parametrize("registry_type", ["AWS_PUBLIC_ECR", "OCI"])
def test_every_spelling_of_a_public_ecr_image_is_the_same_image(registry_type: str) -> None:
    """Whatever type the first plugin that named it calls its registry."""
    ref = ImageRef(registry_type, "public.ecr.aws", "megazone/spaceone/plugin")
    spelled = [ImageRef("AWS_PUBLIC_ECR", url, image) for url, image in ref.spellings]
    assert len(spelled) == 3
    assert {other.subject for other in spelled} == {ref.subject}
    assert {other.repository for other in spelled} == {ref.repository}


def test_the_image_of_a_plugin() -> None:
    plugin = {"image": "a/b", "registry_config": {"credential": "team"}}
    assert ImageRef.of(plugin) == ImageRef("DOCKER_HUB", "registry.hub.docker.com", "a/b", "team")
    assert ImageRef.of({"image": "a/b"}).credential is None


def test_digest_is_of_the_sorted_tags() -> None:
    assert digest_of(["b", "a"]) == digest_of(("a", "b")) != digest_of(["ab"])
    # printf 1.0 | sha256sum
    assert digest_of(["1.0"]) == "sha256:d0ff5974b6aa52cf562bea5921840c032a860a91a3512f7fe8f768f6bbe005f6"


def test_a_failure_says_why() -> None:
    failure = FetchFailed("timeout", detail="no answer")
    assert str(failure) == "timeout: no answer"
