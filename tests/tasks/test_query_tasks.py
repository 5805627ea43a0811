"""The tasks of the reads, in a Celery application of their own."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from celery import Celery

from contracts.errors import DeadlineExceeded, InternalFault, QueryTimeout, StoreUnavailable
from tests.support.deployments import LOCAL, Desk, Store, open_remote, plugin_row, remote_entry
from tests.support.tasks import run_task
from worker.services import Services
from worker.settings import Settings
from worker.tasks.queries import register_queries

SLOW = {"filter": [{"k": "tags.slow", "o": "regex_in", "v": ["(a?){12}[de]", "(a?){12}[fg]"]}]}
"""Takes over a second in one plugin, in which MongoDB does not look at its time limit."""


class App(Celery):  # type: ignore[misc]  # celery is untyped
    """An application of these services."""

    def __init__(self, services: Services) -> None:
        super().__init__("test", set_as_current=False)
        self.services = services


class Deployment:
    """The reads of services."""

    def __init__(self, mongodb_url: str, **settings: Any) -> None:
        self.services = Services(Settings(mongodb_url=mongodb_url, **settings))
        self.app = App(self.services)
        register_queries(self.app)

    def ask(self, task: str, expires: str | None = None, **arguments: Any) -> Any:
        return run_task(self.app, task, {"domain_id": "d", **arguments}, expires=expires)


@pytest.fixture
def deployment(mongodb_url: str) -> Iterator[Deployment]:
    made = Deployment(mongodb_url)
    yield made
    made.services.close()


def test_a_query_that_takes_too_long_is_answered_so(mongodb_url: str) -> None:
    deployment = Deployment(mongodb_url, query_time_limit_s=0.2)
    slow = {"scope": "d", "rank": 0, "plugin": {"tags": {"slow": ["a" * 11 + "!"] * 15_000}}}
    deployment.services.database["plugins"].insert_one(slow)
    with pytest.raises(QueryTimeout):
        deployment.ask("plugin.list", query=SLOW)
    with pytest.raises(QueryTimeout):
        deployment.ask("plugin.stat", query={**SLOW, "distinct": "name"})
    deployment.services.close()


@pytest.mark.parametrize(("parsed_s", "limit_s"), [(59.9, 60.0), (0.3, 0.2)])
def test_the_time_of_its_parsing_counts(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch, parsed_s: float, limit_s: float
) -> None:
    deployment = Deployment(mongodb_url, query_time_limit_s=limit_s)
    slow = {"scope": "d", "rank": 0, "plugin": {"tags": {"slow": ["a" * 11 + "!"] * 15_000}}}
    deployment.services.database["plugins"].insert_one(slow)
    for task, query in (("plugin.list", SLOW), ("plugin.stat", {**SLOW, "distinct": "name"})):
        clock = iter([0.0, parsed_s])
        monkeypatch.setattr("worker.tasks.queries.monotonic", lambda clock=clock: next(clock))
        with pytest.raises(QueryTimeout, match=f"longer than {limit_s:g} s"):
            deployment.ask(task, query=query)
    deployment.services.close()


def test_a_store_that_is_away_is_answered_so() -> None:
    deployment = Deployment("mongodb://127.0.0.1:1/plugins?serverSelectionTimeoutMS=200")
    with pytest.raises(StoreUnavailable):
        deployment.ask("plugin.list")
    deployment.services.close()


def test_what_a_remote_takes_is_not_the_stores(mongodb_url: str) -> None:
    """A later page is looked for in the store once more when the remotes have answered."""

    def slow(operation: str, params: dict[str, Any]) -> Any:
        threading.Event().wait(4.0)
        return {"results": [], "total_count": 0}

    with closing(Store(mongodb_url)) as store:
        store.insert(plugin_row("jira"), plugin_row("slack"), domain="d")
    repositories = [LOCAL, remote_entry("market")]
    deployment = Deployment(mongodb_url, query_time_limit_s=3.0, repositories=repositories)
    with closing(deployment.services), closing(open_remote(Desk(slow), timeout_s=30.0)) as remote:
        deployment.services.remotes = {"market": remote}
        answer = deployment.ask("plugin.list", query={"page": {"start": 2, "limit": 5}})
    assert [row["plugin_id"] for row in answer["results"]] == ["slack"]


def test_an_answer_that_is_no_json_is_a_bug_and_is_kept(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment.services.reader, "answer", lambda *_, **__: {"row": object()})
    with pytest.raises(InternalFault) as fault:
        deployment.ask("plugin.list")
    kept = deployment.services.dead_letters.read(fault.value.details["dead_letter_id"])
    assert kept is not None
    assert kept.command_id == "c-1"


@pytest.mark.parametrize("task", ["plugin.list", "plugin.get"])
def test_a_question_past_its_deadline_is_answered_so(deployment: Deployment, task: str) -> None:
    with pytest.raises(DeadlineExceeded):
        deployment.ask(task, expires="2026-01-01T00:00:00+00:00", plugin_id="jira")
    assert deployment.ask("plugin.list", expires="2126-01-01T00:00:00+00:00")["results"] == []
