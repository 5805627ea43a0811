"""Answers as a person reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.catalog import BY_TASK
from worker.cli.render import render
from worker.cli.text import plain, to_json


def shown(verb: str, answer: Any, **asked: Any) -> list[str]:
    parts = render(BY_TASK[f"plugin.{verb}"], answer, asked)
    return "\n".join(str(part) for part in parts).splitlines()


def test_versions() -> None:
    answer = {
        "results": ["1.1", "1.0"],
        "total_count": 2,
        "synced_at": "2026-01-01T00:00:00.000Z",
        "stale": True,
        "truncated": False,
        "sync_state": "ok",
    }
    assert shown("get_versions", answer) == [
        "1.1",
        "1.0",
        "2 version(s), ok, read at 2026-01-01T00:00:00.000Z, stale",
    ]


def test_a_page_of_plugins_tells_how_many_there_are_and_who_did_not_answer() -> None:
    rows = [{"plugin_id": "a", "name": "A", "state": "ENABLED", "image": "x/a"}]
    assert shown("list", {"results": rows, "total_count": 7, "unavailable": ["market"]}) == [
        "plugin_id  name  state    image",
        "a          A     ENABLED  x/a",
        "1 of 7 plugin(s)",
        "not answered by: market",
    ]
    assert shown("list", {"results": []}) == ["0 plugin(s)"]


NAMES = ["Zoo", "abc", "Abc", "zoo", "10", "2", "ÉCOLE", "école"]


def names_of(rows: list[dict[str, Any]], **asked: Any) -> list[str]:
    table = shown("list", {"results": rows}, **asked)[1:-1]
    return [line.split()[1] for line in table]


def test_plugins_are_sorted_by_name_as_people_do() -> None:
    """The service sorts by code point: capitals before small letters."""
    rows = [{"plugin_id": f"p{n}", "name": name} for n, name in enumerate(NAMES)]
    wanted = ["10", "2", "Abc", "abc", "Zoo", "zoo", "ÉCOLE", "école"]
    for asked in ({}, {"query": None}, {"query": {"keyword": "x", "sort": {}, "page": {}}}):
        assert names_of(rows, **asked) == wanted
    same = [{"plugin_id": plugin_id, "name": "A"} for plugin_id in ("b", "a")]
    assert [line.split()[0] for line in shown("list", {"results": same})[1:-1]] == ["a", "b"]


@pytest.mark.parametrize("query", [{"sort": {"key": "name"}}, {"page": {"start": 1, "limit": 8}}])
def test_an_order_or_a_page_that_was_asked_for_is_kept(query: dict[str, Any]) -> None:
    assert (
        names_of([{"plugin_id": f"p{n}", "name": name} for n, name in enumerate(NAMES)], query=query) == NAMES
    )


def test_rows_without_names_stay_in_their_order() -> None:
    rows = [{"plugin_id": "b"}, {"plugin_id": "a"}]
    assert shown("list", {"results": rows}, query={"only": ["plugin_id"]}) == [
        "plugin_id",
        "b",
        "a",
        "2 plugin(s)",
    ]


def test_statistics() -> None:
    assert shown("stat", {"results": ["a", None, 1]}) == ["a", "null", "1", "3 row(s)"]
    assert shown("stat", {"results": [{"n": 1}, {"m": {"a": 2}}]}) == [
        "n  m",
        "1  -",
        '-  {"a": 2}',
        "2 row(s)",
    ]


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\x9b31m", "\u202eabc", "\x7f", "\x00"])
def test_what_tenants_store_does_not_command_the_terminal(text: str) -> None:
    for value in (text, {"a": text}, [text], {text: 1}):
        assert plain(value).isprintable()
        assert json.loads(to_json(value)) == value
        assert to_json(value).isprintable()


def test_words_of_any_language_are_shown_as_they_are() -> None:
    assert plain("플러그인 é") == "플러그인 é"
    assert to_json({"이름": "é"}) == '{"이름": "é"}'
