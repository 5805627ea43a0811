"""The setting of the repositories: what it takes, and what is said of what it does not."""

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import RepositoryNotFound
from worker.domain.repositories import ManagedOptions, RemoteOptions, Repositories

LOCAL = {"repository_id": "l", "name": "L", "repository_type": "local"}
MANAGED = {"repository_id": "m", "name": "M", "repository_type": "managed", "path": "/plugins"}
REMOTE = {
    "repository_id": "r",
    "name": "R",
    "repository_type": "remote",
    "redis_url": "rediss://:hunter2@market:6379/0",
    "domain_id": "d-market",
}


def test_the_order_gives_the_ranks() -> None:
    repositories = Repositories.of([MANAGED, LOCAL, REMOTE])

    assert [(r.repository_id, r.rank) for r in repositories.all] == [("m", -1), ("l", 0), ("r", 1)]
    assert repositories.managed[0].options == ManagedOptions(path=Path("/plugins"))
    assert repositories.remote[0].options == RemoteOptions(
        redis_url=REMOTE["redis_url"], domain_id="d-market", timeout_s=5.0, token=None
    )


def test_a_url_is_never_shown() -> None:
    assert "hunter2" not in repr(Repositories.of([LOCAL, REMOTE | {"token": "t"}]))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], "exactly one repository must be local; there are 0"),
        ([LOCAL, LOCAL | {"repository_id": "x"}], "there are 2"),
        ([LOCAL, LOCAL], "the same repository_id"),
        ([{"name": "x", "repository_type": "local"}], "repository 0: repository_id"),
        ([LOCAL | {"repository_type": "odd"}], "repository 0: repository_type"),
        ([LOCAL | {"repository_id": "a/b"}], "must not contain a slash"),
        ([LOCAL | {"path": "/x"}], "repository l: unknown path"),
        ([LOCAL, {**MANAGED, "path": ""}], "repository m: path: must not be empty"),
        ([LOCAL, {k: v for k, v in MANAGED.items() if k != "path"}], "repository m: path is required"),
        ([LOCAL | {"image_prefix": "a"}], "repository l: unknown image_prefix"),
        ([LOCAL, REMOTE | {"defaults": {}}], "repository r: unknown defaults"),
        ([LOCAL, MANAGED | {"image_prefix": "A/"}], "repository m: image_prefix: has capital letters"),
        ([LOCAL, MANAGED | {"image_prefx": "a"}], "repository m: unknown image_prefx"),
        ([LOCAL, MANAGED | {"defaults": []}], "repository m: defaults: Input should be"),
        ([LOCAL, MANAGED | {"defaults": {"name": "x"}}], "repository m: unknown defaults.name"),
        (
            [LOCAL, MANAGED | {"defaults": {"registry_type": "DOCKER"}}],
            "repository m: defaults.registry_type: Input should be 'DOCKER_HUB'",
        ),
        (
            [LOCAL, MANAGED | {"defaults": {"registry_config": {"password": "hunter2"}}}],
            "repository m: defaults.registry_config: registry_config.password looks like a secret",
        ),
        (
            [LOCAL, {k: v for k, v in REMOTE.items() if k != "domain_id"}],
            "repository r: domain_id is required",
        ),
        ([LOCAL, REMOTE | {"redis_url": "http://hunter2"}], "redis_url: must be a redis:// or rediss:// URL"),
        ([LOCAL, REMOTE | {"redis_url": "redis://[hunter2"}], "redis_url: the host or the port is wrong"),
        ([LOCAL, REMOTE | {"domain_id": 5}], "domain_id: Input should be a valid string"),
        ([LOCAL, REMOTE | {"timeout_s": 0}], "timeout_s: Input should be greater than 0"),
        ([LOCAL, REMOTE | {"timeout_s": True}], "timeout_s: Input should be a valid number"),
        ([LOCAL, REMOTE | {"timeout_s": "5"}], "timeout_s: Input should be a valid number"),
        ([LOCAL, REMOTE | {"timeout_s": 61}], "timeout_s: Input should be less than or equal to 60"),
        ([LOCAL, REMOTE | {"token": ""}], "token: String should have at least 1 character"),
        ([LOCAL, REMOTE | {"password": "hunter2"}], "repository r: unknown password"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(entries: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValueError, match="repositor") as told:
        Repositories.of(entries)
    assert words in str(told.value)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("wanted", "own_only", "expected"),
    [
        (None, False, (True, ["m"], ["r"])),
        (None, True, (True, ["m"], [])),
        ("m", False, (False, ["m"], [])),
        (["r", "l"], False, (True, [], ["r"])),
        ([], False, (False, [], [])),
    ],
)
def test_a_selection(wanted: Any, own_only: bool, expected: tuple[bool, list[str], list[str]]) -> None:
    selection = Repositories.of([MANAGED, LOCAL, REMOTE]).select(wanted, own_only=own_only)
    managed, remote = ([r.repository_id for r in part] for part in (selection.managed, selection.remote))
    assert (selection.local, managed, remote) == expected


@pytest.mark.parametrize(("wanted", "own_only"), [("x", False), (["l", "x"], False), ("r", True)])
def test_what_is_not_in_reach_is_not_found(wanted: Any, own_only: bool) -> None:
    with pytest.raises(RepositoryNotFound):
        Repositories.of([MANAGED, LOCAL, REMOTE]).select(wanted, own_only=own_only)
