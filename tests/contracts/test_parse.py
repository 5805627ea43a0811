"""From untrusted keyword arguments to a message, or to the refusal that says what is wrong."""

import json
from typing import Any

import pytest

from contracts.commands import (
    GetPlugin,
    ListPlugins,
    PluginBatch,
    RegisterPlugin,
    StatPlugins,
    UpdatePlugin,
)
from contracts.errors import (
    ContractError,
    InvalidImage,
    InvalidParameter,
    InvalidQuery,
    RequiredParameter,
)
from contracts.parse import parse

REGISTER = {"domain_id": "d", "name": "n", "service_type": "s.T", "image": "acme/jira"}
UPDATE = {"domain_id": "d", "plugin_id": "jira"}


def refusal(model: type[Any], arguments: Any) -> ContractError:
    with pytest.raises(ContractError) as raised:
        parse(model, arguments)
    return raised.value


def nested(depth: int) -> dict[str, Any]:
    """Objects inside objects; `depth` of them."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_the_least_a_registration_needs() -> None:
    command = parse(RegisterPlugin, REGISTER)

    assert command.plugin_id == "jira"
    assert command.registry_type == "DOCKER_HUB"
    assert (command.capability, command.labels, command.provider) == ({}, [], None)


@pytest.mark.parametrize("name", ["domain_id", "name", "service_type", "image"])
@pytest.mark.parametrize("value", [None, "", "absent"])
def test_a_required_field_that_is_absent_null_or_empty(name: str, value: str | None) -> None:
    arguments: dict[str, Any] = {k: v for k, v in REGISTER.items() if k != name}
    if value != "absent":
        arguments[name] = value

    fault = refusal(RegisterPlugin, arguments)

    assert isinstance(fault, RequiredParameter)
    assert fault.details == {"path": name, "spaceone_code": "ERROR_REQUIRED_PARAMETER"}


def test_a_misspelt_field_is_named_before_the_one_it_leaves_missing() -> None:
    arguments = {**REGISTER, "nmae": "n"}
    del arguments["name"]

    fault = refusal(RegisterPlugin, arguments)

    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] == "nmae"
    assert "unknown parameter nmae" in fault.message
    assert {f["path"] for f in fault.details["faults"]} == {"nmae", "name"}


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("name", 7, "name"),
        ("name", "x" * 256, "name"),
        ("name", ["n"], "name"),
        ("registry_type", "DOCKER", "registry_type"),
        ("labels", "jira", "labels"),
        ("labels", ["ok", 7], "labels[1]"),
        ("labels", ["x" * 256], "labels[0]"),
        ("tags", ["a"], "tags"),
        ("template", "{}", "template"),
        ("domain_id", "x" * 256, "domain_id"),
        ("registry_config", {"a": {"api_key": "x"}}, "registry_config"),
        ("registry_config", {"a": [{"Password": "x"}]}, "registry_config"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(field: str, value: Any, path: str) -> None:
    fault = refusal(RegisterPlugin, REGISTER | {field: value})

    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] == path


@pytest.mark.parametrize("value", [{"a": 2**63}, {"a": -(2**63) - 1}, {"a": float("nan")}, {"a": "\x00"}])
def test_what_the_store_cannot_hold(value: dict[str, Any]) -> None:
    fault = refusal(RegisterPlugin, REGISTER | {"tags": value})

    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] == "tags.a"


def test_the_limit_of_depth() -> None:
    # The keyword arguments are level 1, so an object in them may be 31 deep.
    assert parse(RegisterPlugin, REGISTER | {"tags": nested(31)}).tags

    fault = refusal(RegisterPlugin, REGISTER | {"tags": nested(32)})

    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] == "tags" + ".a" * 31


@pytest.mark.parametrize(
    "image",
    ["UPPER/case", "a:tag", "a@sha256:0", "https://a/b", "/a", "a/", "a//b", "a b", "a..b", "a\n", "ä"],
)
def test_what_is_no_image(image: str) -> None:
    fault = refusal(RegisterPlugin, REGISTER | {"image": image})

    assert isinstance(fault, InvalidImage)
    assert fault.details["path"] == "image"


def test_an_image_that_is_too_long_for_any_deployment() -> None:
    assert parse(RegisterPlugin, REGISTER | {"image": "a" * 1024})

    fault = refusal(RegisterPlugin, REGISTER | {"image": "a" * 1025})

    assert isinstance(fault, InvalidImage)
    assert fault.details == {"path": "image", "spaceone_code": "ERROR_INVALID_IMAGE_LENGTH"}


@pytest.mark.parametrize("image", ["a", "a/b/c", "a__b/c--d.e_f", "0/1"])
def test_what_is_an_image(image: str) -> None:
    assert parse(RegisterPlugin, REGISTER | {"image": image}).image == image


def test_null_and_empty_count_as_not_given() -> None:
    command = parse(RegisterPlugin, REGISTER | {"provider": "", "labels": None, "registry_url": ""})
    assert (command.provider, command.labels, command.registry_url) == (None, [], None)

    listing = parse(ListPlugins, {"domain_id": "d", "provider": "", "state": None})
    assert listing.shortcuts == {}


def test_only_an_update_can_clear_the_provider() -> None:
    assert parse(UpdatePlugin, UPDATE | {"provider": ""}).provider == ""
    assert parse(UpdatePlugin, UPDATE | {"provider": None}).provider is None
    assert parse(UpdatePlugin, UPDATE | {"name": ""}).name is None


@pytest.mark.parametrize("field", ["image", "registry_type", "registry_url", "service_type", "state"])
def test_an_update_cannot_name_what_never_changes(field: str) -> None:
    fault = refusal(UpdatePlugin, UPDATE | {field: "x"})
    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] == field


@pytest.mark.parametrize("value", [True, 1.0, "1", -1])
def test_an_expected_revision_is_a_count(value: Any) -> None:
    fault = refusal(UpdatePlugin, UPDATE | {"expected_revision": value})
    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] == "expected_revision"


def test_numbers_and_keys_of_free_objects_stay_what_they_were() -> None:
    sent = {"$ref": "#/x", "$id": 1, "a.b": 4.0, "n": 4, "t": True, "": {"$where": "1"}, "z": None}

    stored = parse(RegisterPlugin, REGISTER | {"template": sent}).model_dump(mode="json")["template"]

    assert json.dumps(stored) == json.dumps(sent)


def test_a_list_in_a_shortcut_means_any_of_them() -> None:
    command = parse(ListPlugins, {"domain_id": "d", "state": ["ENABLED", "DISABLED"], "name": "x"})
    assert command.shortcuts == {"state": ["ENABLED", "DISABLED"], "name": "x"}


@pytest.mark.parametrize("value", ["enabled", ["ENABLED", "no"], {"a": 1}, 7])
def test_a_wrong_shortcut_is_named_without_the_names_of_the_validator(value: Any) -> None:
    fault = refusal(ListPlugins, {"domain_id": "d", "state": value})
    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] in ("state", "state[1]")


@pytest.mark.parametrize(
    ("model", "query", "path"),
    [
        (ListPlugins, {"filter": [{"k": "name", "v": 1, "o": "contain"}]}, "query.filter[0].value"),
        (ListPlugins, {"filter": [{"k": "name", "v": "x", "o": "near"}]}, "query.filter[0].operator"),
        (ListPlugins, {"filter": [{"k": "outbox", "v": "x", "o": "eq"}]}, "query.filter[0].key"),
        (ListPlugins, {"sort": {"key": "_id"}}, "query.sort.key"),
        (ListPlugins, {"fliter": []}, "query.fliter"),
        (ListPlugins, {"filter": [{"k": "tags.a", "v": nested(32), "o": "eq"}]}, None),
        (StatPlugins, {}, "query"),
        (StatPlugins, [], "query"),
    ],
)
def test_a_bad_query_is_told_by_path_and_by_what_was_expected(
    model: type[Any], query: Any, path: str | None
) -> None:
    fault = refusal(model, {"domain_id": "d", "query": query})

    assert isinstance(fault, InvalidQuery)
    assert fault.details["expected"]
    if path:
        assert fault.details["path"] == path


@pytest.mark.parametrize(
    ("model", "name", "kind"),
    [
        (ListPlugins, "query", InvalidQuery),
        (StatPlugins, "query", InvalidQuery),
        (ListPlugins, "query_x", InvalidParameter),
        (RegisterPlugin, "query", InvalidParameter),
        (RegisterPlugin, "query_x", InvalidParameter),
    ],
)
def test_only_what_is_in_a_query_is_a_fault_of_the_query(
    model: type[Any], name: str, kind: type[ContractError]
) -> None:
    fault = refusal(model, REGISTER | {name: {"a": 2**63}})
    assert type(fault) is kind
    assert fault.details["path"] == f"{name}.a"


def test_only_names_fields_of_a_plugin() -> None:
    assert parse(GetPlugin, {**UPDATE, "only": ["name", "tags.a"]}).only == ["name", "tags.a"]
    for no_field in ("fence", "labels.0", "name.first", "tags.l.0"):
        assert refusal(GetPlugin, {**UPDATE, "only": [no_field]}).details["path"] == "only[0]"


@pytest.mark.parametrize("arguments", [None, [], "x", 7])
def test_arguments_that_are_no_object(arguments: Any) -> None:
    assert isinstance(refusal(GetPlugin, arguments), InvalidParameter)


@pytest.mark.parametrize("count", [0, 501])
def test_a_batch_holds_1_to_500(count: int) -> None:
    items = [{"id": str(n), "operation": "plugin.enable", "params": {}} for n in range(count)]
    fault = refusal(PluginBatch, {"commands": items})
    assert isinstance(fault, InvalidParameter)
    assert fault.details["path"] == "commands"


def test_a_refusal_never_repeats_what_was_sent() -> None:
    secret = "hunter2-" + "x" * 300
    for arguments in (
        REGISTER | {"name": secret},
        REGISTER | {"registry_config": {"password": secret}},
        REGISTER | {"labels": [secret]},
        REGISTER | {"image": f"a:{secret}"},
    ):
        fault = refusal(RegisterPlugin, arguments)
        assert "hunter2" not in json.dumps(fault.as_dict())
