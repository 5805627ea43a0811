"""A remote repository that fails is told as unavailable, in time, and holds nobody up."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from contracts._client.decode import unreadable
from contracts.client import AskTimeout
from contracts.commands import GetPlugin, GetPluginVersions, ListPlugins
from contracts.errors import (
    ContractError,
    ImageNotFound,
    InternalFault,
    InvalidQuery,
    PermissionDenied,
    PluginNotFound,
    QueryTimeout,
    RegistryUnavailable,
    RepositoryUnavailable,
    ResultTooLarge,
    StoreUnavailable,
    VersionsPending,
)
from contracts.plugin import RepositoryInfo
from tests.support.deployments import (
    OFFERED,
    SHOWN,
    URL,
    Desk,
    Store,
    answers,
    ask,
    desk_that_raises,
    open_remote,
    plugin_row,
    remote_entry,
)
from worker.domain.repositories import RemoteOptions, Repositories
from worker.registries import Credentials
from worker.repositories.remote.peer import Remote
from worker.repositories.remote.remotes import open_remotes

INFO = RepositoryInfo(repository_id="market", name="Market", repository_type="remote")


@pytest.fixture
def store(mongodb_url: str) -> Iterator[Store]:
    made = Store(mongodb_url, remote_entry("market"), remote_entry("partner"))
    yield made
    made.close()


def test_get_goes_on_to_the_remotes(store: Store) -> None:
    market = answers(OFFERED)

    assert ask(store, GetPlugin, market, plugin_id="jira") == SHOWN
    assert ask(store, GetPlugin, market, plugin_id="jira", only=["tags", "repository_info.name"]) == {
        "plugin_id": "jira",
        "tags": {},
        "repository_info": {"name": "Market"},
    }
    assert market.asked[0] == ("get", {"domain_id": "market", "plugin_id": "jira"})


def test_a_local_plugin_needs_no_remote(store: Store) -> None:
    store.insert(plugin_row("jira"))
    market = answers(OFFERED)

    row = ask(store, GetPlugin, market, plugin_id="jira")

    assert row["repository_info"]["repository_type"] == "local"
    assert market.asked == []


def test_the_remotes_are_in_their_order(store: Store) -> None:
    partners = answers(OFFERED | {"name": "Partner's"})
    assert ask(store, GetPlugin, answers(OFFERED), partners, plugin_id="jira")["name"] == "JIRA"
    gone = desk_that_raises(PluginNotFound("no"))
    assert ask(store, GetPlugin, gone, partners, plugin_id="jira")["name"] == "Partner's"
    named = ask(store, GetPlugin, answers(OFFERED), partners, plugin_id="jira", repository_id="partner")
    assert named["name"] == "Partner's"


def test_not_found_is_said_when_all_have_said_it(store: Store) -> None:
    with pytest.raises(PluginNotFound) as told:
        ask(store, GetPlugin, desk_that_raises(PluginNotFound("secret words")), plugin_id="jira")
    assert "secret words" not in told.value.message


def test_an_outage_is_not_taken_for_not_found(store: Store) -> None:
    """The first remote might have it too, and goes before the one that does."""
    for command in (GetPlugin, GetPluginVersions):
        with pytest.raises(RepositoryUnavailable) as told:
            ask(store, command, desk_that_raises(OSError()), answers(OFFERED), plugin_id="jira")
        assert told.value.details == {"repository_id": "market", "reason": "unreachable"}
    # What comes after the one that has it does not matter.
    assert ask(store, GetPlugin, answers(OFFERED), desk_that_raises(OSError()), plugin_id="jira") == SHOWN


VERSIONS = {"results": ["2.0"], "total_count": 1, "stale": False, "truncated": False, "sync_state": "ok"}


def test_versions_come_from_whoever_has_the_plugin(store: Store) -> None:
    gone = desk_that_raises(PluginNotFound("no"))
    assert ask(store, GetPluginVersions, gone, answers(VERSIONS), plugin_id="jira") == VERSIONS


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (AskTimeout("id", 1.0), "REPOSITORY_UNAVAILABLE", "timeout"),
        (ConnectionRefusedError(URL), "REPOSITORY_UNAVAILABLE", "unreachable"),
        (unreadable("it is not JSON"), "REPOSITORY_UNAVAILABLE", "invalid_answer"),
        (ValueError("hunter2"), "REPOSITORY_UNAVAILABLE", "invalid_answer"),
        (PermissionDenied("hunter2"), "REPOSITORY_UNAVAILABLE", "refused"),
        (StoreUnavailable("hunter2"), "REPOSITORY_UNAVAILABLE", "refused"),
        (InternalFault("hunter2"), "REPOSITORY_UNAVAILABLE", "refused"),
        (ContractError("hunter2", "ODD"), "REPOSITORY_UNAVAILABLE", "refused"),
    ],
)
def test_what_a_failure_is_told_as(
    store: Store, fault: BaseException, code: str, reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    for command, arguments in ((GetPlugin, {"plugin_id": "jira"}), (ListPlugins, {})):
        with caplog.at_level(logging.DEBUG), pytest.raises(ContractError) as told:
            ask(
                store,
                command,
                desk_that_raises(fault),
                answers({"results": [], "total_count": 0}),
                **arguments,
            )
        assert told.value.code == code
        assert told.value.details["repository_id"] == "market"
        assert told.value.details.get("reason") == reason
        assert "hunter2" not in str(told.value.args)
    assert "hunter2" not in caplog.text, "neither the remote's words nor its URL are logged"


READS: list[tuple[type[Any], dict[str, Any]]] = [
    (GetPlugin, {"plugin_id": "jira"}),
    (ListPlugins, {}),
    (GetPluginVersions, {"plugin_id": "jira"}),
]


@pytest.mark.parametrize(
    ("fault", "of"),
    [
        (ResultTooLarge("hunter2", details={"hunter2": 1}), {ListPlugins}),
        (ResultTooLarge("hunter2", "ODD"), {ListPlugins}),
        (QueryTimeout("hunter2"), {ListPlugins}),
        (InvalidQuery("hunter2"), {ListPlugins}),
        (ImageNotFound("hunter2"), {GetPluginVersions}),
        (VersionsPending("hunter2"), {GetPluginVersions}),
        (RegistryUnavailable("hunter2"), {GetPluginVersions}),
        (PluginNotFound("hunter2"), {GetPlugin, GetPluginVersions}),
    ],
)
def test_an_error_is_passed_on_where_it_can_be_an_answer(
    opened: list[Remote], fault: ContractError, of: set[type[Any]]
) -> None:
    operations: dict[Any, str] = {GetPlugin: "get", ListPlugins: "list", GetPluginVersions: "get_versions"}
    for command, arguments in READS:
        opened.append(open_remote(desk_that_raises(fault)))
        with pytest.raises(ContractError) as told:
            opened[-1].ask(operations[command], lambda answer: answer, **arguments).result()
        assert "hunter2" not in str(told.value.args)
        if command in of:
            assert type(told.value) is type(fault)
            assert (told.value.code, told.value.details["repository_id"]) == (type(fault).code, "market")
        else:
            assert told.value.details == {"repository_id": "market", "reason": "refused"}


AT = "2026-01-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        ({"reason": "auth", "next_try_at": AT}, {"reason": "auth", "next_try_at": AT}),
        ({"reason": "timeout", "hunter2": 1}, {"reason": "timeout"}),
        ({"reason": "not_found"}, {}),
        ({"reason": "hunter2", "next_try_at": "hunter2"}, {}),
        ({"reason": ["auth"], "next_try_at": 5}, {}),
        ({"reason": {}, "next_try_at": AT + " hunter2"}, {}),
        ({}, {}),
    ],
)
def test_why_a_registry_is_away_is_passed_on_as_far_as_it_can_be_read(
    opened: list[Remote], details: dict[str, Any], shown: dict[str, str]
) -> None:
    opened.append(open_remote(desk_that_raises(RegistryUnavailable("hunter2", details=details))))
    with pytest.raises(RegistryUnavailable) as told:
        opened[0].ask("get_versions", lambda answer: answer).result()
    assert told.value.details == {"repository_id": "market", **shown}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("query.filter[1].value", "query.filter"),
        ("query.filter_or[0].key.hunter2", "query.filter_or"),
        ("query.sort", "query.sort"),
        ("query", "query"),
        ("query.hunter2", "query"),
        ("hunter2", "query"),
        (["hunter2"], "query"),
        (None, "query"),
    ],
)
def test_an_invalid_query_has_a_path(opened: list[Remote], path: Any, shown: str) -> None:
    """The remote is asked for fewer conditions than the caller asked for: a place in a list is not theirs."""
    opened.append(open_remote(desk_that_raises(InvalidQuery("hunter2", details={"path": path}))))
    with pytest.raises(InvalidQuery) as told:
        opened[0].ask("list", lambda answer: answer).result()
    expected = "a query that the remote repository takes"
    assert told.value.details == {"repository_id": "market", "path": shown, "expected": expected}


def test_a_client_that_failed_is_not_used_again(opened: list[Remote]) -> None:
    made: list[Desk] = []

    def make() -> Desk:
        made.append(desk_that_raises(ValueError("garbage")) if not made else answers(OFFERED))
        return made[-1]

    remote = open_remote(make)
    opened.append(remote)
    with pytest.raises(RepositoryUnavailable):
        remote.ask("get", remote.answers.plugin, plugin_id="jira").result()
    for _ in range(3):
        remote.ask("get", remote.answers.plugin, plugin_id="jira").result()

    assert [desk.closed for desk in made] == [1, 0]
    remote.close()
    assert [desk.closed for desk in made] == [1, 1]


def test_the_token_is_read_each_time(opened: list[Remote]) -> None:
    secrets = iter(["one", "one", "two"])
    used: list[tuple[str, str | None]] = []

    def connect(url: str, token: str | None, timeout_s: float) -> Desk:
        used.append((url, token))
        return answers(OFFERED)

    remote = Remote(INFO, RemoteOptions(redis_url=URL, domain_id="market"), lambda: next(secrets), connect)
    opened.append(remote)

    for _ in range(3):
        remote.ask("get", remote.answers.plugin, plugin_id="jira").result()

    assert used == [(URL, "one"), (URL, "two")]


def test_a_token_that_cannot_be_read_is_told_without_it(
    opened: list[Remote], caplog: pytest.LogCaptureFixture
) -> None:
    def unreadable() -> str:
        raise ValueError("hunter2")

    opened.append(open_remote(answers(OFFERED), token=unreadable))
    with pytest.raises(RepositoryUnavailable) as told:
        opened[0].ask("get", opened[0].answers.plugin, plugin_id="jira").result()
    assert told.value.details["reason"] == "token"
    assert "hunter2" not in caplog.text


def test_a_remote_token_has_to_name_a_credential() -> None:
    repositories = Repositories.of(
        [
            {"repository_id": "l", "name": "L", "repository_type": "local"},
            remote_entry("market", token="none"),
        ]
    )
    with pytest.raises(ValueError, match="repository market: token names no credential"):
        open_remotes(repositories, Credentials())
