"""Keyword arguments of every operation, up to the write that they lead to, and queries up to their pipeline."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import bson

from contracts.catalog import OPERATIONS
from contracts.commands import ListPlugins, PluginBatch, RegisterPlugin, StatPlugins
from contracts.errors import ContractError
from contracts.parse import parse
from contracts.plugin import RepositoryInfo
from contracts.query import Query
from tests.fuzz.script import Script, changed_json
from tests.fuzz.target import Target
from worker.domain.plugin import Changed, decide
from worker.domain.policy import Policy
from worker.domain.record import Record, own_key
from worker.domain.registry.allowed import AllowedRegistries
from worker.domain.registry.hosts import check_registry
from worker.plugins.frame import check_frame
from worker.store.documents import guarded_update
from worker.store.query import (
    Reach,
    compile_head,
    compile_page,
    compile_projection,
    compile_sort,
    compile_statistics,
)
from worker.tasks.answers import Answer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALLOWED = AllowedRegistries.parse("registry.example.com, registry.example.com:5000")
LOCAL = RepositoryInfo(repository_id="repo-local", name="Local", repository_type="local")
POLICY = Policy(repository=LOCAL, registry=lambda kind, url: check_registry(ALLOWED, kind, url))
MODELS = [operation.command for operation in OPERATIONS]

NEW: dict[str, Any] = {
    "domain_id": "d",
    "name": "n",
    "service_type": "s",
    "image": "acme/jira",
    "registry_type": "OCI",
    "registry_url": "registry.example.com:5000",
    "registry_config": {"a": [{"b": 1}]},
    "provider": "p",
    "capability": {"a": {"b": [1, 2.5, None, True, "x"]}},
    "labels": ["a", "b"],
    "tags": {"a.b": 1, "$ref": {"~": ""}},
    "template": {
        "o": {"schema": {"type": "object", "properties": {"a": {"pattern": "^a+$", "enum": [1, "a"]}}}},
        "p": {
            "schema": {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "required": ["a"],
                "patternProperties": {"x": {"minimum": 1, "exclusiveMinimum": True}},
            }
        },
        "q": {
            "schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$defs": {"a": {"anyOf": [True, {"$ref": "#"}]}},
            }
        },
    },
}
CHANGE = {
    "domain_id": "d",
    "plugin_id": "jira",
    "expected_revision": 1,
    "name": "m",
    "labels": [],
    "tags": {"a": 1},
}
ITEMS = [
    {"id": "1", "operation": "plugin.register", "params": NEW},
    {"id": "2", "operation": "plugin.update", "params": CHANGE},
]
FILTERS: list[Any] = [
    {"k": "name", "v": "x", "o": "eq"},
    {"key": "tags.a.b", "value": ["x", 1, None], "operator": "in"},
    {"k": "name", "v": ["a+", "(?x)b #c"], "o": "regex_in"},
    {"k": "labels", "v": ["x"], "o": "not_contain_in"},
    {"k": "labels", "v": {"a": 1, "b\\.c": None}, "o": "match"},
    {"k": "created_at", "v": "2026-01-01", "o": "datetime_gte"},
    {"k": "updated_at", "v": "now/w - 3d", "o": "timediff_lt"},
    {"k": "template.a.0", "v": True, "o": "exists"},
]
QUERY: dict[str, Any] = {
    "filter": FILTERS,
    "filter_or": FILTERS[:2],
    "keyword": "a b",
    "only": ["name", "tags.a"],
    "sort": [{"key": "name", "desc": True}],
    "page": {"start": 2, "limit": 10},
    "no_count": True,
}
STAGES: list[Any] = [
    {"unwind": {"path": "labels"}},
    {
        "group": {
            "keys": [
                {"key": "labels", "name": "l"},
                {"k": "created_at", "n": "day", "date_format": "%Y-%m-%d"},
            ],
            "fields": [
                {"name": "n", "operator": "count", "conditions": [{"key": "state", "operator": "not", "value": "x"}]},
                {"name": "s", "operator": "push", "fields": [{"key": "name", "name": "x"}]},
                {"name": "m", "operator": "merge_objects", "key": "tags"},
            ],
        }
    },
    {"project": {"fields": [{"key": "m", "name": "o", "operator": "object_to_array"}], "exclude_keys": True}},
    {"sort": {"keys": [{"key": "o"}]}},
    {"limit": 3},
]  # fmt: skip
STATISTICS = {"filter": FILTERS[:3], "aggregate": STAGES, "page": {"limit": 5}}
LISTS = [{"domain_id": "d", "query": QUERY}, {"domain_id": "d", "name": ["a", "b"], "state": "ENABLED"}]
STATS = [{"domain_id": "d", "query": STATISTICS}, {"domain_id": "d", "query": {"distinct": "labels"}}]
SEEDS: Sequence[Any] = [
    NEW,
    CHANGE,
    {"commands": ITEMS},
    {"domain_id": "d", "plugin_id": "p", "only": ["name"]},
    *LISTS,
    *STATS,
]
FIELDS: Sequence[str] = [
    *(*NEW, *CHANGE, "query", "only", "partial", "repository_id", "x"),
    *("schema", "$schema", "$ref", "pattern", "patternProperties", "allOf", "items", "required", "type"),
]
WORDS: Sequence[str] = [
    *("k", "v", "o", "key", "value", "operator", "fields", "name", "conditions", "date_format", "desc", "keys"),
    *("eq", "lt", "exists", "in", "not_in", "contain", "contain_in", "regex", "regex_in", "match", "datetime_lt"),
    *("timediff_gt", "count", "sum", "average", "add_to_set", "first", "size", "array_to_object", "unwind", "skip"),
    *("tags", "tags.a", "labels.0", "template.a\\.b", "created_at", "domain_id", "a" + ".b" * 31, "_id", "$x"),
    *("distinct", "aggregate", "filter_or", "count_only", "minimal", "[[a]", "(a+)+", "a{9999999999}", "(?P<n>a)"),
]  # fmt: skip
_PLUGIN = decide(None, 0, parse(RegisterPlugin, NEW), NOW, POLICY)
assert isinstance(_PLUGIN, Changed)
BEFORE = Record("d/jira").apply(_PLUGIN, "c-0", NOW, None)


def _apply(command: Any) -> None:
    record = Record(own_key(command.domain_id, command.plugin_id))
    record = record if isinstance(command, RegisterPlugin) else BEFORE
    decision = decide(record.plugin, record.revision, command, NOW, POLICY)
    if isinstance(decision, Changed):
        after = record.apply(decision, "c-1", NOW, None)
        for part in guarded_update(record, after, 1, NOW):
            bson.encode(part)
        json.loads(decision.text)


def _find(command: ListPlugins) -> None:
    query = command.query or Query()
    head = compile_head(Reach("d", managed=True), command.shortcuts, query, NOW)
    sort, fields = compile_sort(query.order), compile_projection(query.fields)
    bson.encode({"head": head, "sort": sort, "fields": fields, "page": compile_page(query.page, 10)})


def _count(command: StatPlugins) -> None:
    head = compile_head(Reach("d"), {}, command.query, NOW)
    stages = compile_statistics(command.query, "d")
    bson.encode({"head": head, "stages": stages, "page": compile_page(command.query.page, 10)})


def _carry_out(given: tuple[Any, Any]) -> None:
    model, arguments = given
    try:
        command = parse(model, arguments)
        match command:
            case PluginBatch():
                check_frame(command, 1)
                for item in command.commands:
                    _carry_out((BY_TASK[item.operation], item.params))
            case ListPlugins():
                _find(command)
            case StatPlugins():
                _count(command)
            case _ if hasattr(command, "expected_revision") or model is RegisterPlugin:
                _apply(command)
    except ContractError as refusal:
        Answer.failure("c-1", refusal).body.encode()


BY_TASK = {operation.task: operation.command for operation in OPERATIONS}

CONTRACTS = Target(
    "contracts",
    lambda script: (script.of(MODELS), changed_json(script, SEEDS, FIELDS)),
    _carry_out,
)


def _query(script: Script) -> tuple[Any, Any]:
    if script.chance(2):
        return StatPlugins, changed_json(script, STATS, WORDS)
    return ListPlugins, changed_json(script, LISTS, WORDS)


QUERIES = Target("queries", _query, _carry_out)
