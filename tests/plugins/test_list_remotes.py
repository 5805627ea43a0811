"""A list over the store and remote repositories: what each is asked for, and what comes of it."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.commands import ListPlugins
from contracts.errors import (
    ContractError,
    PluginNotFound,
    QueryTimeout,
    RegistryUnavailable,
    ResultTooLarge,
    StoreUnavailable,
)
from tests.support.deployments import (
    NOBODY,
    OFFERED,
    Desk,
    Store,
    answers,
    ask,
    desk_that_raises,
    page_of,
    plugin_row,
    remote_entry,
)
from worker.store.search import Search


@pytest.fixture
def store(mongodb_url: str) -> Iterator[Store]:
    made = Store(mongodb_url, remote_entry("market"), remote_entry("partner"))
    yield made
    made.close()


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
    both = threading.Barrier(2, timeout=60)

    def meet(operation: str, params: dict[str, Any]) -> Any:
        both.wait()
        return {"results": [], "total_count": 0}

    started = time.monotonic()
    assert ask(store, ListPlugins, Desk(meet), Desk(meet))["total_count"] == 0
    assert not both.broken, time.monotonic() - started
