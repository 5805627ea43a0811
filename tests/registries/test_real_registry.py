"""Given Debian's docker-registry, plain, with Basic and with Bearer, then its images' tags are listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.registries.conftest import requests_for
from tests.registries.double import Double
from tests.registries.real_registry import BASIC, HTPASSWD, RealRegistry, TokenServer
from worker.domain.image import FetchFailed, ImageRef
from worker.registries import Credentials, parse_mirror
from worker.registries.registries import Registries

Make = Callable[..., Registries]
Oci = Callable[..., ImageRef]
TAGS = ("1.0", "1.1", "latest", "v2.0.0-rc1")
pytestmark = pytest.mark.process


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path) as registry:
        registry.push("team/app", *TAGS)
        yield registry


def test_plain(plain: RealRegistry, registries: Make, oci: Oci) -> None:
    listed = registries(f"http://{plain.authority}").fetch(oci(plain.authority, "team/app"))
    assert sorted(listed.tags) == sorted(TAGS)
    assert (listed.truncated, listed.complete) == (False, True)


def test_as_many_tags_as_another_registry_has_on_a_page(
    plain: RealRegistry, registries: Make, oci: Oci
) -> None:
    """It pays no attention to ``n`` and ``last``, and gives all tags each time."""
    tags = [f"1.{n}" for n in range(50)]
    plain.push("team/round", *tags)
    made, ref = registries(f"http://{plain.authority}"), oci(plain.authority, "team/round")
    assert (sorted(made.fetch(ref).tags), made.fetch(ref).truncated) == (sorted(tags), False)
    assert requests_for(made, ref) == 2


def test_an_image_that_is_not_there(plain: RealRegistry, registries: Make, oci: Oci) -> None:
    with pytest.raises(FetchFailed) as failed:
        registries(f"http://{plain.authority}").fetch(oci(plain.authority, "team/other"))
    assert failed.value.reason == "not_found"


def test_as_a_mirror(plain: RealRegistry, registries: Make) -> None:
    made = registries(mirrors={"GITHUB": parse_mirror(f"http://{plain.authority}")})
    assert sorted(made.fetch(ImageRef("GITHUB", "ghcr.io", "team/app")).tags) == sorted(TAGS)


def test_basic(tmp_path: Path, registries: Make, oci: Oci, credentials: Callable[..., Credentials]) -> None:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "basic", "path": str(tmp_path / "htpasswd")}}
    with RealRegistry(tmp_path, auth) as registry:
        registry.push("team/app", *TAGS, authorization=BASIC)
        made = registries(f"http://{registry.authority}", credentials=credentials(registry.authority))
        ref = oci(registry.authority, "team/app", "robot")
        assert [requests_for(made, ref), requests_for(made, ref)] == [2, 1]
        assert sorted(made.fetch(ref).tags) == sorted(TAGS)
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci(registry.authority, "team/app"))
        assert failed.value.reason == "auth"


@pytest.fixture
def bearer(tmp_path: Path, double: Double, certificate: tuple[Path, Path]) -> Iterator[RealRegistry]:
    tokens = TokenServer(double, certificate)
    with RealRegistry(tmp_path, tokens.auth) as registry:
        for name in ("private/app", "public/app"):
            token = tokens.sign([{"type": "repository", "name": name, "actions": ["pull", "push"]}])
            registry.push(name, *TAGS, authorization=f"Bearer {token}")
        yield registry


def test_bearer(
    bearer: RealRegistry,
    double: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
) -> None:
    made = registries(
        f"http://{bearer.authority},http://{double.authority}", credentials=credentials(bearer.authority)
    )
    private, public = oci(bearer.authority, "private/app", "robot"), oci(bearer.authority, "public/app")
    assert sorted(made.fetch(private).tags) == sorted(TAGS)
    assert sorted(made.fetch(public).tags) == sorted(TAGS)
    assert [requests_for(made, private), requests_for(made, public)] == [1, 1]
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci(bearer.authority, "private/app"))
    assert failed.value.reason == "auth"
    assert [asked.query["scope"] for asked in double.asked][:2] == [
        "repository:private/app:pull",
        "repository:public/app:pull",
    ]


def test_bearer_with_a_wrong_password(
    bearer: RealRegistry,
    double: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
) -> None:
    wrong = credentials(bearer.authority, username="somebody")
    made = registries(f"http://{bearer.authority},http://{double.authority}", credentials=wrong)
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci(bearer.authority, "public/app", "robot"))
    assert failed.value.reason == "auth"
