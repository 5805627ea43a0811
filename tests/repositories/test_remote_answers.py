"""What a remote repository answers is input: it is validated, or it is no answer."""

from typing import Any

import pytest
from deployments import plugin_row

from contracts.plugin import RepositoryInfo
from worker.repositories.answers import Answers, BadAnswer

INFO = RepositoryInfo(repository_id="market", name="Market", repository_type="remote")
ANSWERS = Answers(INFO, "market-domain")


def row(**fields: Any) -> dict[str, Any]:
    return plugin_row("jira") | {"domain_id": "market-domain", "revision": 7} | fields


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in row().items() if key != name}


def test_a_plugin_is_answered_as_ours_names_the_repository() -> None:
    theirs = {"repository_id": "repo-local", "name": "Theirs", "repository_type": "local"}

    read = ANSWERS.plugin(row(repository_info=theirs, tags={"$ref": 1, "a.b": [1.5, None]}))

    assert read == row(
        repository_info={"repository_id": "market", "name": "Market", "repository_type": "remote"},
        tags={"$ref": 1, "a.b": [1.5, None]},
    )


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
    row(domain_id="another-domain"),
    row(colour="red"),
    row(registry_config={"password": "x"}),
    row(created_at="yesterday"),
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


@pytest.mark.parametrize("answer", [*HOSTILE, row(tags=deep(40)), row(tags=deep(2000))])
def test_what_is_no_plugin_is_no_answer(answer: Any) -> None:
    with pytest.raises(BadAnswer):
        ANSWERS.plugin(answer)
    with pytest.raises(BadAnswer):
        ANSWERS.rows({"results": [row(), answer], "total_count": 2}, 10, (), counted=True)


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
        ANSWERS.rows(answer, 2, (), counted=True)


def test_a_page() -> None:
    rows, total = ANSWERS.rows({"results": [row()], "total_count": 5}, 2, (), counted=True)
    assert (rows[0]["repository_info"]["repository_type"], total) == ("remote", 5)
    assert ANSWERS.rows({"results": []}, 2, (), counted=False) == ([], 0)


def test_a_page_of_some_fields() -> None:
    given = {"plugin_id": "jira", "name": "JIRA", "tags": {"a": 1}}
    assert ANSWERS.rows({"results": [given]}, 2, ("plugin_id", "name", "tags"), counted=False) == ([given], 0)


@pytest.mark.parametrize(
    "given",
    [
        {"name": "JIRA"},
        {"plugin_id": "jira", "state": "ENABLED"},
        {"plugin_id": "jira", "name": 5},
        {"plugin_id": "jira", "name": "a", "tags": {"a": "\x00"}},
    ],
)
def test_fields_that_were_not_asked_for_are_no_answer(given: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        ANSWERS.rows({"results": [given]}, 2, ("plugin_id", "name", "tags"), counted=False)


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
