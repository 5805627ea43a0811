"""Rows from several places are merged in the order that MongoDB gives each."""

import heapq
from typing import Any

import pytest

from contracts.query import parse_query
from worker.domain.ordering import keys_needed, sort_key


def row(plugin_id: str, **fields: Any) -> dict[str, Any]:
    return {"plugin_id": plugin_id, **fields}


def ids(query: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    return "".join(item["plugin_id"] for item in sorted(rows, key=sort_key(parse_query(query))))


def test_the_default_order_is_by_name_then_id() -> None:
    assert ids({}, [row("b", name="x"), row("c", name="B"), row("a", name="x")]) == "cab"


@pytest.mark.parametrize(("desc", "order"), [(False, "amnisolb"), (True, "blosinma")])
def test_types_are_ordered_as_in_bson(desc: bool, order: str) -> None:
    rows = [
        row("b", tags={"x": True}),
        row("l", tags={"x": []}),
        row("o", tags={"x": {}}),
        row("s", tags={"x": "1"}),
        row("i", tags={"x": 2.5}),
        row("n", tags={"x": 2}),
        row("m", tags={"x": 1}),
        row("a"),
    ]
    assert ids({"sort": {"key": "tags.x", "desc": desc}}, rows) == order


def test_null_is_as_missing_and_ties_go_by_id_ascending() -> None:
    rows = [row("b", provider=None), row("a"), row("c", provider="x")]
    assert ids({"sort": {"key": "provider", "desc": True}}, rows) == "cab"


def test_several_keys_and_literal_dots() -> None:
    rows = [row("a", state="X", tags={"p.q": 1}), row("b", state="X", tags={"p.q": 2}), row("c", state="W")]
    assert ids({"sort": [{"key": "state"}, {"key": r"tags.p\.q", "desc": True}]}, rows) == "cba"


def test_a_merge_keeps_the_order_of_the_repositories_for_the_same_plugin() -> None:
    local, remote = [row("a", name="x", repository=1)], [row("a", name="x", repository=2), row("b", name="x")]
    merged = list(heapq.merge(local, remote, key=sort_key(parse_query({}))))
    assert [(item["plugin_id"], item.get("repository")) for item in merged] == [
        ("a", 1),
        ("a", 2),
        ("b", None),
    ]


def test_the_keys_that_a_merge_needs_are_named() -> None:
    assert keys_needed(parse_query({"sort": {"key": "tags.x"}, "only": ["name"]})) == ["tags.x", "plugin_id"]
