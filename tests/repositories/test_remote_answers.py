"""What a remote repository answers is input: it is validated, or it is no answer."""

from typing import Any

import pytest

from contracts.plugin import RepositoryInfo
from contracts.query import parse_query
from tests.support.deployments import plugin_row
from worker.repositories.remote.answers import Answers, BadAnswer

INFO = RepositoryInfo(repository_id="market", name="Market", repository_type="remote")
ANSWERS = Answers(INFO, "market-domain")
KNOWN = {
    "domain_id": "market-domain",
    "repository_info": {"repository_id": "market", "name": "Market", "repository_type": "remote"},
}


def row(**fields: Any) -> dict[str, Any]:
    return plugin_row("jira") | {"domain_id": "market-domain", "revision": 7} | fields


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in row().items() if key != name}


def test_a_plugin_is_answered_as_ours_names_the_repository() -> None:
    theirs = {"repository_id": "repo-local", "name": "Theirs", "repository_type": "local"}

    read = ANSWERS.plugin(row(repository_info=theirs, tags={"$ref": 1, "a.b": [1.5, None]}))

    assert read == row(**KNOWN, tags={"$ref": 1, "a.b": [1.5, None]})


THEIR_MANAGED = {"repository_id": "repo-m", "name": "M", "repository_type": "managed"}


def test_a_plugin_of_their_managed_repository_may_have_an_id_of_its_own() -> None:
    theirs = row(plugin_id="other", repository_info=THEIR_MANAGED)
    assert ANSWERS.plugin_of(theirs, "other")["image"] == "acme/jira"
    part = {"results": [{"plugin_id": "other", "image": "acme/jira"}], "total_count": 1}
    assert rows(part, only=["image"])[0][0]["plugin_id"] == "other"


HOSTILE: list[Any] = [
    None,
    [],
    "jira",
    7,
    {},
    without("name"),
    without("image"),
    without("repository_info"),
    row(name=5),
    row(state="GONE"),
    row(image="acme/jira:1"),
    row(plugin_id="other"),
    row(plugin_id="a/b", repository_info=THEIR_MANAGED),
    row(domain_id="another-domain"),
    row(colour="red"),
    row(registry_config={"password": "x"}),
    row(created_at="yesterday"),
    row(created_at="0001-01-01T00:00:00+14:00"),
    row(revision=-5),
    row(revision=2**70),
    row(registry_url="http://evil.example/x?y"),
    row(registry_type="OCI", registry_url="evil.example/x"),
    row(registry_type="OCI", registry_url=""),
    row(tags={"a": "\x00"}),
    row(tags={"a": 2**70}),
    row(tags={"a": float("nan")}),
    row(tags={"a": "\ud800"}),
    row(tags={"a": "x" * 2**20}),
    row(labels=["x" * 256]),
]


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def rows(answer: Any, shortcuts: Any = None, **query: Any) -> Any:
    return ANSWERS.rows(answer, parse_query({"page": {"limit": 2}} | query), shortcuts or {})


@pytest.mark.parametrize("answer", [*HOSTILE, row(tags=deep(40)), row(tags=deep(2000))])
def test_what_is_no_plugin_is_no_answer(answer: Any) -> None:
    with pytest.raises(BadAnswer):
        ANSWERS.plugin(answer)
    with pytest.raises(BadAnswer):
        rows({"results": [row(), answer], "total_count": 2}, page={"limit": 10})


def test_another_plugin_than_the_one_asked_for_is_no_answer() -> None:
    with pytest.raises(BadAnswer):
        ANSWERS.plugin_of(row(), "slack")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"results": {}},
        {"results": [], "total_count": -1},
        {"results": [], "total_count": "1"},
        {"results": [], "total_count": True},
        {"results": []},
        {"results": [row()] * 3, "total_count": 3},
        {"results": [row()], "total_count": 0},
        {"results": [row()], "total_count": 1, "unavailable": ["x"]},
    ],
)
def test_what_is_no_page_is_no_answer(answer: Any) -> None:
    with pytest.raises(BadAnswer):
        rows(answer)


def test_a_page() -> None:
    assert rows({"results": [row()], "total_count": 1}) == ([row(**KNOWN)], 1)
    assert rows({"results": []}, no_count=True) == ([], 0)
    assert rows({"results": [], "total_count": 7}, count_only=True, no_count=True) == ([], 7)


@pytest.mark.parametrize(
    "registry",
    [
        {"registry_type": "HARBOR", "registry_url": "only.theirs.example:8443"},
        {"registry_type": "AWS_PUBLIC_ECR", "registry_url": "public.ecr.aws/alias"},
        {"registry_type": "GITHUB", "registry_url": "ghcr.io"},
    ],
)
def test_a_registry_need_not_be_allowed_here(registry: dict[str, Any]) -> None:
    assert ANSWERS.plugin(row(**registry))["registry_url"] == registry["registry_url"]
    url = {"plugin_id": "jira", "registry_url": registry["registry_url"]}
    assert rows({"results": [url]}, only=["registry_url"], no_count=True)


def test_a_remote_may_have_a_plugin_twice() -> None:
    """In its own repository and in a managed one, as our list would show it, too."""
    assert len(rows({"results": [row(), row(name="Another")], "total_count": 2})[0]) == 2


@pytest.mark.parametrize(
    ("start", "found", "said"),
    [(1, 1, 2), (1, 0, 1), (1, 1, 0), (5, 1, 4), (5, 1, 6), (5, 0, 10**30), (1, 2, 10**30)],
)
def test_a_count_that_its_own_rows_deny_is_no_answer(start: int, found: int, said: int) -> None:
    with pytest.raises(BadAnswer):
        rows({"results": [row()] * found, "total_count": said}, page={"start": start, "limit": 2})


@pytest.mark.parametrize(
    ("start", "found", "said", "total"),
    # The last two were counted after some plugins had come, or gone.
    [(1, 2, 9, 9), (5, 1, 5, 5), (5, 2, 6, 6), (5, 0, 3, 3), (5, 0, 9, 4), (5, 2, 4, 6)],
)
def test_a_count_that_may_be_right(start: int, found: int, said: int, total: int) -> None:
    answer = {"results": [row()] * found, "total_count": said}
    assert rows(answer, page={"start": start, "limit": 2})[1] == total


def test_rows_where_only_their_count_was_asked_for_are_no_answer() -> None:
    with pytest.raises(BadAnswer):
        rows({"results": [row()], "total_count": 1}, count_only=True)


def test_a_page_of_some_fields() -> None:
    given = {"plugin_id": "jira", "name": "JIRA", "tags": {"a": 1}}
    assert rows({"results": [given]}, only=["name", "tags.a"], no_count=True) == ([given | KNOWN], 0)


@pytest.mark.parametrize(
    "given",
    [
        {"name": "JIRA"},
        {"plugin_id": "jira"},
        {"plugin_id": "jira", "name": "JIRA", "state": "ENABLED"},
        {"plugin_id": "jira", "name": 5},
        {"plugin_id": "jira", "name": "a", "tags": {"a": "\x00"}},
        {"plugin_id": "jira", "name": "JIRA", "domain_id": "another-domain"},
    ],
)
def test_other_fields_than_were_asked_for_are_no_answer(given: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        rows({"results": [given]}, only=["name", "tags"], no_count=True)


@pytest.mark.parametrize(
    "shortcuts",
    [{"plugin_id": "slack"}, {"state": "DISABLED"}, {"name": ["A", "B"]}, {"provider": "aws"}, {"name": []}],
)
def test_a_row_that_was_not_asked_for_is_no_answer(shortcuts: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        rows({"results": [row()], "total_count": 1}, shortcuts=shortcuts)


def test_a_row_that_was_asked_for() -> None:
    shortcuts = {"plugin_id": ["jira", "slack"], "state": "ENABLED"}
    assert rows({"results": [row()], "total_count": 1}, shortcuts=shortcuts)[1] == 1
    part = {"results": [{"plugin_id": "jira", "name": "JIRA"}]}
    assert rows(part, shortcuts=shortcuts, only=["name"], no_count=True)[0], "what it has not, it cannot deny"


VERSIONS = {
    "results": ["2.0", "1.0"],
    "total_count": 2,
    "stale": False,
    "truncated": False,
    "sync_state": "ok",
}


def test_versions() -> None:
    assert ANSWERS.versions(VERSIONS | {"synced_at": "2026-01-01T00:00:00Z"})["results"] == ["2.0", "1.0"]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        VERSIONS | {"results": [1]},
        VERSIONS | {"results": ["x" * 256]},
        VERSIONS | {"results": ["1"] * 100_001},
        VERSIONS | {"sync_state": "odd"},
        VERSIONS | {"results": ["\ud800"]},
        VERSIONS | {"results": ["2.0\x1b]0;PWNED\x07\x1b[31m\nroot# "]},
        VERSIONS | {"results": ["1.0", ""]},
        VERSIONS | {"results": ["1.0\n"]},
        VERSIONS | {"results": ["x" * 129]},
        VERSIONS | {"results": ["1.0\u202e"]},
        VERSIONS | {"results": ["\u0661.0"]},
        VERSIONS | {"results": ["a b"]},
        VERSIONS | {"results": ["-rf"]},
        VERSIONS | {"total_count": 3},
        VERSIONS | {"synced_at": "yesterday"},
        VERSIONS | {"synced_at": "2026-01-01T00:00:00Z\x1b[2J"},
        VERSIONS | {"synced_at": "2026-01-01T00:00:00Z\n"},
    ],
)
def test_what_are_no_versions_is_no_answer(answer: Any) -> None:
    with pytest.raises(BadAnswer):
        ANSWERS.versions(answer)


def test_the_reason_holds_nothing_of_the_answer() -> None:
    with pytest.raises(BadAnswer) as told:
        ANSWERS.plugin(row(hunter2="hunter2", name=5))
    assert "hunter2" not in str(told.value)
    with pytest.raises(BadAnswer) as told:
        ANSWERS.plugin(row(tags={"hunter2": "\x00"}))
    assert "hunter2" not in str(told.value)
