"""A remote repository that fails is told as unavailable, in time, and holds nobody up."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from deployments import URL, Desk, Store, desk_that_raises, open_remote, plugin_row, remote_entry
from servers import wait_until

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
from contracts.parse import parse
from contracts.plugin import RepositoryInfo
from contracts.query import parse_query
from worker.domain.projection import project
from worker.domain.repositories import RemoteOptions, Repositories
from worker.registries import Credentials
from worker.repositories.remote import THREADS, Remote
from worker.repositories.remotes import open_remotes
from worker.store.search import Search

INFO = RepositoryInfo(repository_id="market", name="Market", repository_type="remote")
OFFERED = plugin_row("jira", domain_id="market", revision=3)
SHOWN = OFFERED | {
    "repository_info": {"repository_id": "market", "name": "Market", "repository_type": "remote"}
}


def answers(answer: Any) -> Desk:
    return Desk(lambda operation, params: answer)


@pytest.fixture
def store(mongodb_url: str) -> Iterator[Store]:
    made = Store(mongodb_url, remote_entry("market"), remote_entry("partner"))
    yield made
    made.close()


@pytest.fixture
def opened() -> Iterator[list[Remote]]:
    remotes: list[Remote] = []
    yield remotes
    for remote in remotes:
        remote.close()


def ask(store: Store, command: Any, market: Desk, partner: Desk | None = None, **arguments: Any) -> Any:
    remotes = {
        "market": open_remote(market, timeout_s=2.0),
        "partner": open_remote(partner or desk_that_raises(PluginNotFound("no")), "partner", timeout_s=2.0),
    }
    try:
        return store.reader(remotes).answer(parse(command, {"domain_id": "d-1"} | arguments))
    finally:
        for remote in remotes.values():
            remote.close()


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


Strange = type("hunter2\n", (BaseException,), {})


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (AskTimeout("id", 1.0), "REPOSITORY_UNAVAILABLE", "timeout"),
        (ConnectionRefusedError(URL), "REPOSITORY_UNAVAILABLE", "unreachable"),
        # Celery raises whatever class the answer of a hostile worker names.
        (SystemExit(1), "REPOSITORY_UNAVAILABLE", "invalid_answer"),
        (KeyboardInterrupt(), "REPOSITORY_UNAVAILABLE", "invalid_answer"),
        (Strange(), "REPOSITORY_UNAVAILABLE", "invalid_answer"),
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
    operations = {GetPlugin: "get", ListPlugins: "list", GetPluginVersions: "get_versions"}
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


def test_partial_leaves_it_out_and_says_so(store: Store) -> None:
    store.insert(plugin_row("slack"))
    page = answers({"results": [OFFERED], "total_count": 1})

    answer = ask(store, ListPlugins, desk_that_raises(OSError()), page, partial=True)

    assert [row["plugin_id"] for row in answer["results"]] == ["jira", "slack"]
    assert answer["total_count"] == 2
    assert answer["unavailable"] == ["market"]
    assert "unavailable" not in ask(store, ListPlugins, page, page, partial=True)
    with pytest.raises(ResultTooLarge):
        ask(store, ListPlugins, desk_that_raises(ResultTooLarge("too many")), page, partial=True)


@pytest.mark.parametrize("fault", [PluginNotFound("no"), QueryTimeout("slow"), RegistryUnavailable("away")])
def test_partial_leaves_out_whatever_fails_there(store: Store, fault: ContractError) -> None:
    answer = ask(store, ListPlugins, desk_that_raises(fault), NOBODY, partial=True)
    assert answer == {"results": [], "total_count": 0, "unavailable": ["market"]}


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
        assert waiting.acquire(timeout=10)
    release.set()
    for question in first:
        with pytest.raises(RepositoryUnavailable):
            question.result()

    release.clear()
    trial = remote.ask("get", remote.answers.plugin, plugin_id="jira")
    assert waiting.acquire(timeout=10)
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
        assert waiting.acquire(timeout=10)

    trial = ask("jira")
    trial.give_up()
    next_one = ask("jira")

    assert trial.answer.cancelled()
    assert not next_one.answer.done(), "it waits for a thread, and was not turned away"
    release.set()
    assert next_one.result() == SHOWN


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

    remote = Remote(INFO, RemoteOptions(URL, "market"), lambda: next(secrets), connect)
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
        wait_until(lambda: len(caplog.records) == 2, 30)
    assert reason in caplog.records[0].getMessage()
    assert "answers again" in caplog.records[1].getMessage()


def test_a_remote_token_has_to_name_a_credential() -> None:
    repositories = Repositories.of(
        [
            {"repository_id": "l", "name": "L", "repository_type": "local"},
            remote_entry("market", token="none"),
        ]
    )
    with pytest.raises(ValueError, match="repository market: token names no credential"):
        open_remotes(repositories, Credentials())


# --- paging -------------------------------------------------------------------------------------------------


def page_of(count: int, **fields: Any) -> Desk:
    """A remote with that many plugins, m00, m01, ... by name."""

    def answer(operation: str, params: dict[str, Any]) -> Any:
        rows = [
            OFFERED | {"plugin_id": f"m{n:02}", "image": f"acme/m{n:02}", "name": f"m{n:02}"} | fields
            for n in range(count)
        ]
        page = parse_query(params["query"]).page
        only = params["query"].get("only", ())
        shown = [project(row, only) for row in rows[page.skip : page.skip + page.limit]]
        return {"results": shown} | ({} if params["query"].get("no_count") else {"total_count": count})

    return Desk(answer)


NOBODY = Desk(lambda operation, params: {"results": [], "total_count": 0})


def test_each_remote_is_asked_for_what_the_page_may_need(store: Store) -> None:
    store.insert(*(plugin_row(f"l{n}", name=f"l{n}") for n in range(3)))
    market = page_of(30)

    answer = ask(store, ListPlugins, market, NOBODY, query={"page": {"start": 3, "limit": 4}})

    assert [row["plugin_id"] for row in answer["results"]] == ["l2", "m00", "m01", "m02"]
    assert answer["total_count"] == 33
    bare = {"only": ["name", "plugin_id"], "page": {"limit": 6}}
    assert [p["query"] for _, p in market.asked] == [bare, {"no_count": True, "page": {"limit": 3}}]


def test_a_remote_is_not_asked_for_rows_that_a_page_has_not(store: Store) -> None:
    store.insert(*(plugin_row(f"l{n}", name=f"l{n}") for n in range(5)))
    market = page_of(30)

    ask(store, ListPlugins, market, NOBODY, query={"page": {"start": 3, "limit": 2}})

    assert len(market.asked) == 1


LARGE = {"s": "x" * 200_000}


@pytest.mark.parametrize("page", [{}, {"start": 91, "limit": 10}, {"limit": 10}])
@pytest.mark.parametrize("where", ["here", "there"])
def test_the_size_of_an_answer_is_that_of_what_was_asked_for(
    store: Store, where: str, page: dict[str, int]
) -> None:
    """100 plugins of 200 KB each: neither their names nor any ten of them are too much."""
    market = NOBODY
    if where == "here":
        store.insert(*(plugin_row(f"l{n:02}", name=f"l{n:02}", tags=LARGE) for n in range(100)))
    else:
        market = page_of(100, tags=LARGE)

    query: dict[str, Any] = {"page": page} if page else {"only": ["tags.t", "state"]}
    answer = ask(store, ListPlugins, market, NOBODY, query=query)

    assert answer["total_count"] == 100
    assert len(answer["results"]) == (10 if page else 100)
    assert answer["results"][-1]["plugin_id"][1:] == ("09" if page == {"limit": 10} else "99")
    assert answer["results"][0]["tags"] == (LARGE if page else {})


def test_partial_leaves_out_what_fails_between_the_order_and_the_page(store: Store) -> None:
    store.insert(*(plugin_row(f"l{n}", name=f"l{n}") for n in range(3)))
    whole = page_of(9)

    def once(operation: str, params: dict[str, Any]) -> Any:
        if "only" not in params["query"]:
            raise StoreUnavailable("away")
        return whole.ask(operation, timeout_s=1, expires_s=1, **params)

    answer = ask(
        store, ListPlugins, Desk(once), NOBODY, partial=True, query={"page": {"start": 2, "limit": 4}}
    )

    assert [row["plugin_id"] for row in answer["results"]] == ["l1", "l2"]
    assert (answer["total_count"], answer["unavailable"]) == (3, ["market"])


def test_partial_leaves_out_remotes_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_slow(*args: Any, **options: Any) -> Any:
        raise QueryTimeout("our own store")

    monkeypatch.setattr(Search, "list", too_slow)
    with pytest.raises(QueryTimeout, match="our own"):
        ask(store, ListPlugins, NOBODY, NOBODY, partial=True)


def test_more_fields_than_a_query_may_name_are_asked_for_by_their_roots(store: Store) -> None:
    market = page_of(1, tags={"t7": 1, "t999": 2})
    only = [f"tags.t{n}" for n in range(100)]

    answer = ask(store, ListPlugins, market, NOBODY, query={"only": only, "sort": {"key": "state"}})

    assert answer["results"] == [{"plugin_id": "m00", "tags": {"t7": 1}}]
    assert market.asked[0][1]["query"]["only"] == ["tags", "state", "plugin_id"]


def test_a_page_of_one_remote_alone_is_asked_for_as_it_is(store: Store) -> None:
    asked: list[Any] = []

    def answer(operation: str, params: dict[str, Any]) -> Any:
        asked.append(params["query"]["page"])
        return {"results": [OFFERED], "total_count": 90_001}

    page = {"start": 90_001, "limit": 20}
    got = ask(store, ListPlugins, Desk(answer), query={"page": page}, repository_id="market")
    assert (got["total_count"], len(got["results"]), asked) == (90_001, 1, [page])


def test_more_rows_than_an_answer_may_hold(store: Store) -> None:
    store.insert(*(plugin_row(f"l{n}") for n in range(6)))
    remotes = {"market": open_remote(page_of(6)), "partner": open_remote(NOBODY, "partner")}
    reader = store.reader(remotes, max_results=10)

    def listed(**query: Any) -> Any:
        return reader.answer(parse(ListPlugins, {"domain_id": "d-1", "query": query}))

    assert len(listed(page={"limit": 10})["results"]) == 10
    with pytest.raises(ResultTooLarge):
        listed()
    assert len(listed(page={"start": 9, "limit": 50})["results"]) == 4
    remotes["market"].close()
    remotes["market"] = open_remote(page_of(40))
    with pytest.raises(ResultTooLarge, match="repository_id"):
        listed(page={"start": 9, "limit": 5})
    for remote in remotes.values():
        remote.close()


def test_a_merged_answer_has_a_size_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.handlers.listing.MAX_ANSWER_BYTES", 2000)
    with pytest.raises(ResultTooLarge):
        ask(store, ListPlugins, page_of(10), NOBODY)


def test_a_condition_on_who_a_remote_is_is_decided_here(store: Store) -> None:
    """It does not know what it is called here, nor that its plugins are offered to other domains."""
    market = page_of(1)
    is_market = {"k": "repository_info.repository_id", "v": "market", "o": "eq"}
    is_other = {"k": "domain_id", "v": "d-1", "o": "eq"}
    name = {"k": "name", "v": "m", "o": "contain"}

    def asked(**query: Any) -> Any:
        market.asked.clear()
        ask(store, ListPlugins, market, NOBODY, query={"page": {"limit": 5}, **query})
        return [
            {k: v for k, v in p["query"].items() if k in ("filter", "filter_or")} for _, p in market.asked
        ]

    sent = {"key": "name", "operator": "contain", "value": "m"}
    assert asked(filter=[is_market, name]) == [{"filter": [sent]}]
    assert asked(filter=[is_other, name]) == []
    assert asked(filter_or=[is_market, name]) == [{}]
    assert asked(filter_or=[is_other, name]) == [{"filter_or": [sent]}]
    assert asked(filter_or=[is_other]) == []


def test_the_shortcuts_go_along(store: Store) -> None:
    market = Desk(lambda operation, params: {"results": [], "total_count": 0})
    ask(
        store,
        ListPlugins,
        market,
        NOBODY,
        state="ENABLED",
        name=["a", "b"],
        repository_id=["market", "repo-local"],
    )
    (params,) = [params for _, params in market.asked]
    assert {k: v for k, v in params.items() if k != "query"} == {
        "domain_id": "market",
        "state": "ENABLED",
        "name": ["a", "b"],
    }


def test_remotes_are_asked_at_the_same_time(store: Store) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet(operation: str, params: dict[str, Any]) -> Any:
        both.wait()
        return {"results": [], "total_count": 0}

    started = time.monotonic()
    assert ask(store, ListPlugins, Desk(meet), Desk(meet))["total_count"] == 0
    assert not both.broken, time.monotonic() - started


# --- a Redis that does not answer -----------------------------------------------------------------------------


def test_a_silent_redis_gives_its_thread_back(opened: list[Remote]) -> None:
    """It takes connections and says nothing: Celery's own client would try for minutes."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        remote = Remote(INFO, RemoteOptions(url, "market", timeout_s=0.5))
        opened.append(remote)
        asked = [remote.ask("get", remote.answers.plugin, plugin_id="jira") for _ in range(THREADS)]
        for question in asked:
            with pytest.raises(RepositoryUnavailable):
                question.result()
        wait_until(lambda: all(question.answer.done() for question in asked), 20)


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
