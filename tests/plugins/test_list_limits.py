"""How many rows, and how many bytes, a list over the store and remote repositories may have."""

from collections.abc import Iterator
from typing import Any

import pytest

from contracts.commands import ListPlugins
from contracts.errors import ResultTooLarge
from contracts.parse import parse
from tests.support.deployments import (
    NOBODY,
    Desk,
    Store,
    ask,
    desk_that_raises,
    open_remote,
    page_of,
    plugin_row,
    remote_entry,
)

LARGE = {"s": "x" * 200_000}


@pytest.fixture
def store(mongodb_url: str) -> Iterator[Store]:
    made = Store(mongodb_url, remote_entry("market"), remote_entry("partner"))
    yield made
    made.close()


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


def listed(
    store: Store,
    market: Desk,
    max_results: int,
    repository_id: str | None = None,
    partial: bool = False,
    **query: Any,
) -> Any:
    """What d-1 is answered where an answer has at most ``max_results`` rows."""
    desks = {"market": market, "partner": NOBODY}
    remotes = {name: open_remote(desk, name, timeout_s=30.0) for name, desk in desks.items()}
    given = {"domain_id": "d-1", "repository_id": repository_id, "partial": partial, "query": query}
    try:
        return store.reader(remotes, max_results=max_results).answer(parse(ListPlugins, given))
    finally:
        for remote in remotes.values():
            remote.close()


def test_more_rows_than_an_answer_may_hold(store: Store) -> None:
    store.insert(*(plugin_row(f"l{n}") for n in range(6)))
    assert len(listed(store, page_of(6), max_results=10, page={"limit": 10})["results"]) == 10
    with pytest.raises(ResultTooLarge):
        listed(store, page_of(6), max_results=10)
    assert len(listed(store, page_of(6), max_results=10, page={"start": 9, "limit": 50})["results"]) == 4
    with pytest.raises(ResultTooLarge, match="repository_id"):
        listed(store, page_of(40), max_results=10, page={"start": 9, "limit": 5})


def unlimited(count: int) -> Desk:
    """A remote with that many plugins, whose answers may hold all of them."""
    limited = page_of(count)

    def answer(operation: str, params: dict[str, Any]) -> Any:
        page = {"limit": count} | params["query"].get("page", {})
        return limited.ask(operation, timeout_s=1, expires_s=1, query=params["query"] | {"page": page})

    return Desk(answer)


@pytest.mark.parametrize("partial", [False, True])
def test_all_of_one_remote_alone(store: Store, partial: bool) -> None:
    """It may answer more rows than an answer may hold here."""

    one: dict[str, Any] = {"repository_id": "market", "max_results": 10, "partial": partial}
    assert len(listed(store, unlimited(10), **one)["results"]) == 10
    with pytest.raises(ResultTooLarge, match="more than 10 rows"):
        listed(store, unlimited(40), **one)


def test_the_advice_about_too_many_rows_helps(store: Store) -> None:
    store.insert(*(plugin_row(f"l{n:02}") for n in range(12)))
    with pytest.raises(ResultTooLarge, match="repository_id"):
        listed(store, NOBODY, max_results=10, page={"start": 9, "limit": 10})
    with pytest.raises(ResultTooLarge, match="repository_id"):
        listed(store, page_of(12), max_results=10, page={"limit": 40})
    with pytest.raises(ResultTooLarge, match="page it"):
        listed(store, page_of(12), max_results=10)
    one: dict[str, Any] = {"repository_id": "market", "max_results": 10}
    with pytest.raises(ResultTooLarge, match="page it"):
        listed(store, page_of(40), **one, page={"limit": 20})
    assert len(listed(store, page_of(40), **one, page={"start": 35, "limit": 10})["results"]) == 6


@pytest.mark.parametrize("where", ["here", "there"])
def test_what_is_too_large_is_on_the_first_page_or_is_not_asked_for(store: Store, where: str) -> None:
    """Of 100 plugins of 200 KB each, which come last by name, one is on the page."""
    whole = page_of(99 if where == "here" else 100, tags={} if where == "here" else LARGE)

    def answer(operation: str, params: dict[str, Any]) -> Any:
        if where == "there" and params["query"]["page"]["limit"] > 50 and "only" not in params["query"]:
            raise ResultTooLarge("the answer is larger than 16 MiB")
        return whole.ask(operation, timeout_s=1, expires_s=1, **params)

    if where == "here":
        store.insert(*(plugin_row(f"z{n:02}", name=f"z{n:02}", tags=LARGE) for n in range(100)))
    else:
        store.insert(*(plugin_row(f"l{n:02}", name=f"l{n:02}") for n in range(99)))

    answered = ask(store, ListPlugins, Desk(answer), NOBODY, query={"page": {"limit": 100}})

    assert answered["total_count"] == 199
    assert [row["plugin_id"][1:] for row in answered["results"][-2:]] == ["98", "00"]
    assert answered["results"][-1]["tags"] == LARGE


def test_partial_names_what_is_away_once(store: Store) -> None:
    """The partner's first rows are too large; it is asked for its bare ones, the market not again."""
    whole = page_of(3)

    def answer(operation: str, params: dict[str, Any]) -> Any:
        if "only" not in params["query"]:
            raise ResultTooLarge("the answer is larger than 16 MiB")
        return whole.ask(operation, timeout_s=1, expires_s=1, **params)

    store.insert(plugin_row("a", name="a"))
    query = {"page": {"limit": 1}}
    market = desk_that_raises(OSError())
    answered = ask(store, ListPlugins, market, Desk(answer), partial=True, query=query)

    assert [row["plugin_id"] for row in answered["results"]] == ["a"]
    assert (answered["unavailable"], len(market.asked)) == (["market"], 1)


def test_a_merged_answer_has_a_size_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.domain.answer.MAX_ANSWER_BYTES", 2000)
    with pytest.raises(ResultTooLarge, match="fewer rows or fields"):
        ask(store, ListPlugins, page_of(10), NOBODY, query={"page": {"limit": 5}})
