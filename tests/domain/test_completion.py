"""What an operator says once for all documents of a managed repository completes what they leave open."""

from typing import Any

import pytest
from pydantic import ValidationError

from worker.domain.completion import NOTHING_COMPLETED, Completion

HARBOR = {
    "registry_type": "HARBOR",
    "registry_url": "harbor.example.com",
    "registry_config": {"credential": "robot"},
    "provider": "acme",
}


def completed(document: dict[str, Any], /, **defaults: Any) -> dict[str, Any]:
    return Completion.model_validate({"defaults": defaults}).complete(document)


def test_what_a_document_leaves_open_is_completed() -> None:
    open_ones = {"provider": None, "registry_url": "", "name": "n"}
    assert completed(open_ones, **HARBOR) == {"name": "n", **HARBOR}
    assert NOTHING_COMPLETED.complete(open_ones) == open_ones


def test_what_a_document_says_stays() -> None:
    said = {"registry_type": "HARBOR", "provider": "other", "registry_config": {}}
    assert completed(said, **HARBOR) == said | {"registry_url": "harbor.example.com"}


@pytest.mark.parametrize(
    "said", [{"registry_type": "GITHUB"}, {"registry_url": "ghcr.io"}, {"registry_url": "other.example.com"}]
)
def test_a_document_that_names_another_registry_gets_no_url_and_no_credential(said: dict[str, Any]) -> None:
    assert completed(said, **HARBOR) == {"registry_type": "HARBOR", "provider": "acme"} | said


@pytest.mark.parametrize("url", ["HARBOR.example.com", "harbor.example.com:443"])
def test_another_spelling_of_the_registry_is_no_other_registry(url: str) -> None:
    assert completed({"registry_url": url}, **HARBOR)["registry_config"] == {"credential": "robot"}


def test_a_url_is_no_other_registry_if_the_defaults_have_none() -> None:
    given = completed({"registry_url": "a.example.com"}, registry_type="OCI", registry_config={"a": 1})
    assert given == {"registry_url": "a.example.com", "registry_type": "OCI", "registry_config": {"a": 1}}


def test_a_credential_for_docker_hub_is_not_for_documents_of_another_type() -> None:
    given = completed({"registry_type": "GITHUB"}, registry_config={"credential": "hub"})
    assert given == {"registry_type": "GITHUB"}


@pytest.mark.parametrize("said", [{"registry_type": ["x"]}, {"registry_url": 5}, {"image": {"a": 1}}])
def test_what_is_wrong_in_a_document_is_left_to_its_check(said: dict[str, Any]) -> None:
    (name,) = said
    assert completed(said, **HARBOR)[name] == said[name]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("jira", "acme/market/jira"),
        ("other/jira", "other/jira"),
        ("docker.io/jira", "docker.io/jira"),
        ("", ""),
        (None, None),
    ],
)
def test_a_prefix_is_put_before_an_image_without_a_slash(image: Any, expected: Any) -> None:
    assert Completion(image_prefix="acme/market").complete({"image": image}) == {"image": expected}
    assert NOTHING_COMPLETED.complete({"image": image}) == {"image": image}


@pytest.mark.parametrize("prefix", ["", "Acme", "acme/", "/acme", "acme:1", "https://acme"])
def test_a_prefix_is_an_image_name(prefix: str) -> None:
    with pytest.raises(ValidationError, match="image_prefix"):
        Completion(image_prefix=prefix)
