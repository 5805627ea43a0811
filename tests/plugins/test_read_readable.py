"""No answer holds an object that Celery's callers would read as something else."""

from collections.abc import Iterator
from typing import Any

import pytest
from kombu.utils.json import dumps, loads

from contracts.commands import GetPlugin, ListPlugins, StatPlugins
from contracts.errors import InvalidQuery
from tests.support.deployments import NOBODY, OFFERED, Store, answers, ask, plugin_row, remote_entry

HALVES = {"__type__": "uuid", "__value__": "x", "z": 1}
CUT = ["tags.a.__type__", "tags.a.__value__"]


@pytest.fixture
def store(mongodb_url: str) -> Iterator[Store]:
    made = Store(mongodb_url, remote_entry("market"), remote_entry("partner"))
    pairs = [{"k": "__type__", "v": "uuid"}, {"k": "__value__", "v": "x"}]
    tags = {"a": HALVES, "pairs": pairs, "half": {"__type__": "uuid"}}
    made.insert(plugin_row("slack", tags=tags), plugin_row("teams", tags={"half": {"__value__": "x"}}))
    yield made
    made.close()


def group(*fields: dict[str, Any], keys: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"group": {"keys": [{"key": "name", "name": name} for name in keys], "fields": list(fields)}}


def count(name: str) -> dict[str, Any]:
    return {"name": name, "operator": "count"}


BOTH = [{"key": "name", "name": name} for name in ("__type__", "__value__")]
MADE: dict[str, list[dict[str, Any]]] = {
    "a row": [group(count("__value__"), keys=("__type__",))],
    "a projection": [{"project": {"fields": BOTH}}],
    "push": [group({"name": "p", "operator": "push", "fields": BOTH})],
    "merge_objects": [
        {"sort": {"key": "plugin_id"}},
        group({"name": "m", "operator": "merge_objects", "key": "tags.half"}),
    ],
    "array_to_object": [
        {"project": {"fields": [{"key": "tags.pairs", "name": "o", "operator": "array_to_object"}]}}
    ],
}


@pytest.mark.parametrize("made", MADE)
def test_statistics_do_not_make_one(store: Store, made: str) -> None:
    with pytest.raises(InvalidQuery) as refusal:
        ask(store, StatPlugins, NOBODY, query={"aggregate": MADE[made]})
    assert refusal.value.details["path"] == "query.aggregate"


@pytest.mark.parametrize("repository_id", ["repo-local", "market", None])
def test_no_fields_are_cut_out_of_one(store: Store, repository_id: str | None) -> None:
    market = answers({"results": [{"plugin_id": "jira", "tags": {"a": HALVES}}], "total_count": 1})
    query = {"only": CUT, "sort": {"key": "plugin_id"}}
    with pytest.raises(InvalidQuery) as refusal:
        ask(store, ListPlugins, market, NOBODY, query=query, repository_id=repository_id)
    assert refusal.value.details["path"] == "query.only"


def test_not_of_one_plugin_either(store: Store) -> None:
    market = answers(OFFERED | {"tags": {"a": HALVES}})
    for plugin_id in ("slack", "jira"):
        with pytest.raises(InvalidQuery) as refusal:
            ask(store, GetPlugin, market, plugin_id=plugin_id, only=CUT)
        assert refusal.value.details["path"] == "only"


def test_what_a_caller_reads_back_is_answered(store: Store) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = [
        (GetPlugin, {"plugin_id": "slack", "only": [*CUT, "tags.a.z"]}),
        (GetPlugin, {"plugin_id": "slack", "only": CUT[:1]}),
        (ListPlugins, {"query": {"only": [*CUT, "tags.a.z"]}}),
        (StatPlugins, {"query": {"aggregate": [group(count("n"), keys=("__type__", "__value__"))]}}),
        (StatPlugins, {"query": {"distinct": "tags.a"}}),
    ]
    for command, arguments in asked:
        answer = ask(store, command, NOBODY, NOBODY, **arguments)
        assert loads(dumps(answer)) == answer
        assert "__type__" in dumps(answer)
