"""The published JSON Schemas: fresh, complete, and true."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from contracts import errors
from contracts.catalog import OPERATIONS
from contracts.commands import ListPlugins, PluginBatch, StatPlugins
from contracts.errors import ContractError, InvalidParameter
from contracts.events import IMAGE_VERSIONS_CHANGED, PLUGIN_CHANGED, PluginChanged, data_schema
from contracts.parse import parse
from contracts.plugin import PluginInfo
from tests.contracts.published import SCHEMAS, validator
from worker.cli.main import main
from worker.cli.publish import schemas
from worker.cli.publish.schemas import FOLDER, documents
from worker.domain.projection import project
from worker.plugins.frame import check_frame

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"


def test_the_published_files_are_fresh() -> None:
    published = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert published == documents(), "stale: run make schemas"


def test_stale_files_are_told_and_made_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    (tmp_path / "PluginInfo.json").write_text("{}")
    (tmp_path / "Gone.json").write_text("{}")
    arguments = ["schemas", "--directory", str(tmp_path)]

    told = CliRunner().invoke(main, [*arguments, "--check"])
    assert told.exit_code == 1
    assert "Gone.json is stale" in told.stderr
    assert (tmp_path / "PluginInfo.json").read_text() == "{}"

    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == documents()
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 0


def test_what_somebody_else_has_in_a_folder_stays_there(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    strangers = {"notes.txt": b"mine", "other.yaml": b"mine", "other.json": b"{}", "binary.json": b"\xff"}
    for name, content in strangers.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "PluginInfo.json").write_bytes(b"\xff")
    arguments = ["schemas", "--directory", str(tmp_path)]

    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert {name: (tmp_path / name).read_bytes() for name in strangers} == strangers
    assert {name: (tmp_path / name).read_text() for name in documents()} == documents()
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 0


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_json_schema_under_its_own_address(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"].endswith(f"/schemas/{name}.json")
    assert "``" not in json.dumps(SCHEMAS[name])


def test_every_message_of_the_catalog_is_published() -> None:
    for operation in OPERATIONS:
        assert operation.command.__name__ in SCHEMAS
        assert operation.result.__name__ in SCHEMAS
        assert set(SCHEMAS[operation.command.__name__]["properties"]) == set(operation.command.model_fields)


def test_an_event_names_the_schema_of_its_data() -> None:
    for event_type in (PLUGIN_CHANGED, IMAGE_VERSIONS_CHANGED):
        assert data_schema(event_type) in {schema["$id"] for schema in SCHEMAS.values()}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda p: p.stem)
def test_the_examples_of_the_api_text_are_valid(path: Path) -> None:
    pair = json.loads(path.read_text())
    operation = next(o for o in OPERATIONS if o.verb == pair["operation"])
    from_path = {"plugin_id": pair["response"]["plugin_id"]} if pair["operation"] == "update" else {}
    validator(operation.command.__name__).validate({"domain_id": "d"} | from_path | pair["request"])
    validator("PluginInfo").validate(pair["response"])


VALID: list[tuple[str, dict[str, Any]]] = [
    ("RegisterPlugin", {"domain_id": "d", "name": "n", "service_type": "s", "image": "a/b"}),
    ("UpdatePlugin", {"domain_id": "d", "plugin_id": "p", "provider": "", "labels": [], "tags": None}),
    ("EnablePlugin", {"domain_id": "d", "plugin_id": "p", "expected_revision": 3}),
    ("GetPlugin", {"domain_id": "d", "plugin_id": "p", "only": ["tags.a"]}),
    (
        "ListPlugins",
        {"domain_id": "d", "state": ["ENABLED"], "query": {"filter": [], "sort": {"key": "name"}}},
    ),
    ("ListPlugins", {"domain_id": "d", "query": {"filter": [{"k": "name", "v": "x", "o": "contain"}]}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"key": "", "desc": True}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"key": None, "keys": []}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"desc": True}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"keys": [], "desc": True}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"keys": None, "desc": None}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"key": "name", "keys": None}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"keys": [{"key": "name"}], "desc": None}}}),
    (
        "ListPlugins",
        {"domain_id": "d", "query": {"filter": [{"key": None, "k": "name", "o": "eq", "v": 1}]}},
    ),
    (
        "ListPlugins",
        {
            "domain_id": "d",
            "query": {"filter": [{"key": "name", "k": None, "operator": None, "o": "eq", "v": 1}]},
        },
    ),
    ("StatPlugins", {"domain_id": "d", "query": {"distinct": "provider", "aggregate": []}}),
    ("StatPlugins", {"domain_id": "d", "query": {"distinct": "", "aggregate": [{"limit": 1}]}}),
]
INVALID: list[tuple[str, dict[str, Any]]] = [
    ("RegisterPlugin", {"domain_id": "d", "name": "n", "service_type": "s"}),
    ("RegisterPlugin", {"domain_id": "d", "name": "n", "service_type": "s", "image": "A:1"}),
    ("RegisterPlugin", {"domain_id": "d", "name": "n", "service_type": "s", "image": "a", "nmae": "n"}),
    ("RegisterPlugin", {"domain_id": "d", "name": 7, "service_type": "s", "image": "a"}),
    ("UpdatePlugin", {"domain_id": "d", "plugin_id": "p", "image": "a"}),
    ("EnablePlugin", {"domain_id": "d", "plugin_id": "p", "expected_revision": -1}),
    ("ListPlugins", {"domain_id": "d", "state": "ON"}),
    ("ListPlugins", {"domain_id": "d", "query": {"filter": [{"k": "name", "v": 7, "o": "contain"}]}}),
    ("ListPlugins", {"domain_id": "d", "query": {"filter": [{"k": "name", "o": "eq"}]}}),
    ("ListPlugins", {"domain_id": "d", "query": {"filter": [{"key": None, "k": None, "o": "eq", "v": 1}]}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"key": "", "desc": 1}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"key": 0}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"keys": ""}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"keys": False, "key": None}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"key": "name", "keys": []}}}),
    ("ListPlugins", {"domain_id": "d", "query": {"sort": {"keys": [{"key": "name"}], "desc": True}}}),
    ("StatPlugins", {"domain_id": "d"}),
    ("StatPlugins", {"domain_id": "d", "query": {}}),
    ("StatPlugins", {"domain_id": "d", "query": {"distinct": "", "aggregate": []}}),
    ("StatPlugins", {"domain_id": "d", "query": {"distinct": "provider", "aggregate": [{"limit": 1}]}}),
]


@pytest.mark.parametrize(("name", "message"), VALID)
def test_schema_and_model_agree_on_what_is_valid(name: str, message: dict[str, Any]) -> None:
    validator(name).validate(message)
    parse(next(o.command for o in OPERATIONS if o.command.__name__ == name), message)


@pytest.mark.parametrize(("name", "message"), INVALID)
def test_schema_and_model_agree_on_what_is_not(name: str, message: dict[str, Any]) -> None:
    assert not validator(name).is_valid(message)
    with pytest.raises(ContractError):
        parse(next(o.command for o in OPERATIONS if o.command.__name__ == name), message)


LEAST: dict[str, dict[str, Any]] = {
    name: {k: message[k] for k in SCHEMAS[name]["required"]} for name, message in VALID
}


@pytest.mark.parametrize("absent", [None, ""])
@pytest.mark.parametrize("name", LEAST)
def test_null_and_empty_count_as_not_given(name: str, absent: str | None) -> None:
    model: Any = next(o.command for o in OPERATIONS if o.command.__name__ == name)
    least = parse(model, LEAST[name])
    for field in SCHEMAS[name]["properties"].keys() - LEAST[name].keys():
        validator(name).validate(LEAST[name] | {field: absent})
        if not (field in model.clearable and absent == ""):
            assert parse(model, LEAST[name] | {field: absent}) == least
    for field in SCHEMAS[name]["required"]:
        assert not validator(name).is_valid(LEAST[name] | {field: absent})


CONDITIONS = {
    "filter": [{"key": "name", "value": "x", "operator": "eq"}, {"k": "name", "v": ["x"], "o": "in"}],
    "filter_or": [{"key": "tags", "value": {"a": 1}, "operator": "match"}],
    "keyword": "x",
    "page": {"start": 1, "limit": 2},
}
GROUP_FIELDS = [
    {
        "operator": "count",
        "name": "a",
        "key": "name",
        "conditions": [{"key": "state", "operator": "eq", "value": "x"}],
    },
    {"o": "sum", "n": "b", "k": "name", "conditions": []},
    {"operator": "max", "name": "c", "key": "name"},
    {"operator": "push", "name": "d", "fields": [{"key": "name", "name": "e"}]},
]
FULL = [
    {
        "query": CONDITIONS
        | {"only": ["name"], "minimal": True, "count_only": True, "no_count": True}
        | {"sort": {"keys": [{"key": "name", "desc": True}]}},
    },
    {"query": {"sort": {"key": "name", "desc": True}}},
    {"query": {"sort": [{"key": "name", "desc": True}]}},
    {"query": CONDITIONS | {"distinct": "provider"}},
    {
        "query": {
            "aggregate": [
                {"unwind": {"path": "labels"}},
                {
                    "group": {
                        "keys": [{"key": "created_at", "name": "y", "date_format": "year"}],
                        "fields": GROUP_FIELDS,
                    }
                },
                {
                    "project": {
                        "fields": [{"key": "d", "name": "z", "operator": "size"}],
                        "exclude_keys": True,
                    }
                },
                {"sort": {"keys": [{"key": "z", "desc": True}]}},
                {"sort": {"key": "z", "desc": True}},
                {"sort": [{"key": "z", "desc": True}]},
                {"limit": 5},
                {"skip": 5},
                {"count": {"name": "n"}},
            ],
        }
    },
]


def each_with_a_null(value: Any) -> Iterator[Any]:
    """Copies of ``value``, in each of which another field of an object in it is null, or one beside them."""
    if isinstance(value, dict):
        yield value | {"beside": None}
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        nulls = [None] if isinstance(value, dict) else []
        below = each_with_a_null(item) if isinstance(item, dict | list) else ()
        for replaced in (*nulls, *below):
            changed = value.copy()
            changed[key] = replaced
            yield changed


@pytest.mark.parametrize("message", FULL)
def test_schema_and_parser_agree_where_null_counts_as_not_given(message: dict[str, Any]) -> None:
    statistics = {"aggregate", "distinct"} & message["query"].keys()
    name, model = ("StatPlugins", StatPlugins) if statistics else ("ListPlugins", ListPlugins)
    parse(model, {"domain_id": "d", **message})
    validator(name).validate({"domain_id": "d", **message})
    for changed in each_with_a_null(message["query"]):
        sent = {"domain_id": "d", "query": changed}
        try:
            parse(model, sent)
        except ContractError as fault:
            # What the stages before have made is no matter of a schema.
            assert not validator(name).is_valid(sent) or "column" in str(fault), changed
        else:
            validator(name).validate(sent)


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"params": {"nmae": None}}, True),  # that item fails alone
        ({"id": "x" * 129}, False),
        ({"id": "\u00e9"}, False),
        ({"id": ""}, False),
        ({"operation": "plugin.get"}, False),
        ({"operation": "plugin.batch"}, False),
        ({"operation": "enable"}, False),
    ],
)
def test_schema_and_service_agree_on_the_frame_of_a_batch(changes: dict[str, Any], valid: bool) -> None:
    item = {"id": "c-1", "operation": "plugin.enable", "params": {"domain_id": "d", "plugin_id": "p"}}
    batch = {"commands": [item | changes]}
    assert validator("PluginBatch").is_valid(batch) == valid
    with nullcontext() if valid else pytest.raises(InvalidParameter):
        check_frame(parse(PluginBatch, batch), 1)


def test_what_is_read_may_grow() -> None:
    plugin = json.loads((EXAMPLES / "get.json").read_text())["response"] | {"new_field": 1}
    validator("PluginInfo").validate(plugin)
    change = PluginChanged(
        change="registered",
        plugin=PluginInfo.model_validate_json(
            json.dumps({k: v for k, v in plugin.items() if k != "new_field"})
        ),
        revision=1,
        changed_fields=[],
        command_id="x",
    )
    data = change.model_dump(mode="json", exclude_none=True)
    validator("PluginChanged").validate(data | {"new_field": {"a": 1}})
    assert not validator("PluginChanged").is_valid(data | {"change": "renamed"})


def test_a_plugin_may_be_answered_in_part() -> None:
    plugin = PluginInfo.model_validate_json(
        json.dumps(json.loads((EXAMPLES / "get.json").read_text())["response"])
    )
    row = plugin.model_dump(mode="json", exclude_none=True)
    for only in ([], ["name"], ["repository_info.name", "tags.none", "labels.none"], ["capability"]):
        part = project(row, only)
        validator("PluginProjection").validate(part)
        validator("PluginsInfo").validate({"results": [part]})
    for wrong in ({"name": "n"}, {"plugin_id": "p", "state": "ON"}):
        assert not validator("PluginProjection").is_valid(wrong)
        assert not validator("PluginsInfo").is_valid({"results": [wrong]})


def test_a_failure_is_as_celery_writes_it() -> None:
    fault = errors.PluginNotFound("there is no plugin x in d", details={"plugin_id": "x"})
    written = {
        "exc_type": type(fault).__name__,
        "exc_module": type(fault).__module__,
        "exc_message": list(fault.args),
    }
    validator("Failure").validate(written)
    assert not validator("Failure").is_valid(written | {"exc_type": "KeyError"})
    validator("ErrorInfo").validate(fault.as_dict())


def test_the_table_of_errors_has_every_code_with_its_meaning() -> None:
    table = json.loads((FOLDER / "errors.json").read_text())
    assert len(table) == len({row["class"] for row in table}) == 23
    for row in table:
        error = getattr(errors, row["class"])
        assert (row["code"], row["kind"]) == (error.code, error.kind)
        assert row["when"].startswith("Raised ")
        assert row.get("spaceone_code") == error.spaceone_code
