"""A remote repository that is away, slow or silent holds nobody up, and is told once."""

import logging
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from contracts.client import AskTimeout
from contracts.errors import (
    PermissionDenied,
    PluginNotFound,
    RepositoryUnavailable,
)
from contracts.plugin import RepositoryInfo
from tests.support.deployments import (
    OFFERED,
    SHOWN,
    URL,
    Desk,
    open_remote,
)
from tests.support.servers import wait_until
from worker.domain.repositories import RemoteOptions
from worker.repositories.remote.peer import THREADS, Remote


def test_a_slow_remote_is_waited_for_no_longer_than_its_time(opened: list[Remote]) -> None:
    release = threading.Event()
    opened.append(open_remote(Desk(lambda operation, params: release.wait(30)), timeout_s=0.2))

    question = opened[0].ask("get", opened[0].answers.plugin, plugin_id="jira")
    with pytest.raises(RepositoryUnavailable) as told:
        question.result()

    release.set()
    assert told.value.details["reason"] == "timeout"


def test_a_remote_that_lets_everyone_wait_takes_one_thread(opened: list[Remote]) -> None:
    release, waiting = threading.Event(), threading.Semaphore(0)
    is_slow = True

    def answer(operation: str, params: dict[str, Any]) -> Any:
        if is_slow:
            waiting.release()
            release.wait(30)
            raise AskTimeout("id", 1.0)
        return OFFERED

    remote = open_remote(Desk(answer), timeout_s=20.0)
    opened.append(remote)
    first = [remote.ask("get", remote.answers.plugin, plugin_id="jira") for _ in range(3)]
    for _ in first:
        assert waiting.acquire(timeout=60)
    release.set()
    for question in first:
        with pytest.raises(RepositoryUnavailable):
            question.result()

    release.clear()
    trial = remote.ask("get", remote.answers.plugin, plugin_id="jira")
    assert waiting.acquire(timeout=60)
    with pytest.raises(RepositoryUnavailable) as told:
        remote.ask("get", remote.answers.plugin, plugin_id="jira").result()
    assert told.value.details["reason"] == "waiting"

    is_slow = False
    release.set()
    with pytest.raises(RepositoryUnavailable):
        trial.result()
    assert remote.ask("get", remote.answers.plugin, plugin_id="jira").result() == SHOWN
    assert all(
        question.result() == SHOWN
        for question in [remote.ask("get", remote.answers.plugin, plugin_id="jira") for _ in range(THREADS)]
    )


def test_giving_up_a_trial_leaves_room_for_the_next(opened: list[Remote]) -> None:
    """Of a trial that never began nothing is learnt; it must not be waited for either."""
    release, fail, waiting = threading.Event(), threading.Event(), threading.Semaphore(0)

    def answer(operation: str, params: dict[str, Any]) -> Any:
        waiting.release()
        match params["plugin_id"]:
            case "slow":
                release.wait(30)
            case "failing":
                fail.wait(30)
                raise AskTimeout("id", 1.0)
        return OFFERED

    remote = open_remote(Desk(answer), timeout_s=20.0)
    opened.append(remote)

    def ask(plugin_id: str) -> Any:
        return remote.ask("get", remote.answers.plugin, plugin_id=plugin_id)

    failing = [ask("failing") for _ in range(3)]
    slow = [ask("slow") for _ in range(THREADS)]
    fail.set()
    for question in failing:
        with pytest.raises(RepositoryUnavailable):
            question.result()
    for _ in [*failing, *slow]:
        assert waiting.acquire(timeout=60)

    trial = ask("jira")
    trial.give_up()
    next_one = ask("jira")

    assert trial.answer.cancelled()
    assert not next_one.answer.done(), "it waits for a thread, and was not turned away"
    release.set()
    assert next_one.result() == SHOWN


@pytest.mark.parametrize("cure", [OFFERED, PluginNotFound("none here")], ids=["an answer", "an error of use"])
@pytest.mark.parametrize(
    ("ill", "reason"),
    [(OSError(URL), "unreachable"), ({"odd": 1}, "invalid_answer"), (PermissionDenied("no"), "refused")],
)
def test_an_outage_is_logged_once_and_its_end_too(
    ill: Any, reason: str, cure: Any, opened: list[Remote], caplog: pytest.LogCaptureFixture
) -> None:
    said = [ill]

    def answer(operation: str, params: dict[str, Any]) -> Any:
        if isinstance(said[0], Exception):
            raise said[0]
        return said[0]

    def ask_once() -> None:
        opened[0].ask("get", opened[0].answers.plugin, plugin_id="jira").result()

    opened.append(open_remote(Desk(answer)))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            with pytest.raises(RepositoryUnavailable):
                ask_once()
        said[0] = cure
        with suppress(PluginNotFound):
            ask_once()
        wait_until(lambda: len(caplog.records) == 2)
    assert reason in caplog.records[0].getMessage()
    assert "answers again" in caplog.records[1].getMessage()


def test_a_silent_redis_gives_its_thread_back(opened: list[Remote]) -> None:
    """It takes connections and says nothing: Celery's own client would try for minutes."""
    info = RepositoryInfo(repository_id="market", name="Market", repository_type="remote")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        remote = Remote(info, RemoteOptions(redis_url=url, domain_id="market", timeout_s=0.5))
        opened.append(remote)
        asked = [remote.ask("get", remote.answers.plugin, plugin_id="jira") for _ in range(THREADS)]
        for question in asked:
            with pytest.raises(RepositoryUnavailable):
                question.result()
        wait_until(lambda: all(question.answer.done() for question in asked))


def test_waiting_in_vain_counts_before_the_thread_is_back(opened: list[Remote]) -> None:
    release = threading.Event()
    opened.append(open_remote(Desk(lambda operation, params: release.wait(30)), timeout_s=0.1))
    reasons = []
    for _ in range(5):
        with pytest.raises(RepositoryUnavailable) as told:
            opened[0].ask("get", opened[0].answers.plugin, plugin_id="jira").result()
        reasons.append(told.value.details["reason"])
    trial = opened[0].ask("get", opened[0].answers.plugin, plugin_id="jira")
    with pytest.raises(RepositoryUnavailable) as told:
        opened[0].ask("get", opened[0].answers.plugin, plugin_id="jira").result()
    assert told.value.details["reason"] == "waiting"
    trial.give_up()
    release.set()
    assert reasons == ["timeout"] * 5
