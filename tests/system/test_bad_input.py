"""Hostile and broken input through a real worker: its code comes back, or it survives unchanged."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts import errors
from contracts.client import PluginClient
from tests.support.live import Live


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


GOOD: dict[str, Any] = {"domain_id": "d-1", "name": "N", "service_type": "s", "image": "acme/p"}

REFUSED: list[tuple[str, str, dict[str, Any], str, str | None]] = [
    ("no name", "register", {"name": None}, "REQUIRED_PARAMETER", "name"),
    ("empty name", "register", {"name": ""}, "REQUIRED_PARAMETER", "name"),
    ("no domain", "register", {"domain_id": ""}, "REQUIRED_PARAMETER", "domain_id"),
    ("number for a name", "register", {"name": 5}, "INVALID_PARAMETER", "name"),
    ("long name", "register", {"name": "n" * 256}, "INVALID_PARAMETER", "name"),
    ("unknown field", "register", {"nmae": "x"}, "INVALID_PARAMETER", "nmae"),
    ("plugin_id given", "register", {"plugin_id": "x"}, "INVALID_PARAMETER", "plugin_id"),
    ("expected_revision on register", "register", {"expected_revision": 1}, "INVALID_PARAMETER", None),
    ("tag in the image", "register", {"image": "acme/p:1"}, "INVALID_IMAGE", "image"),
    ("upper case", "register", {"image": "Acme/p"}, "INVALID_IMAGE", "image"),
    ("scheme", "register", {"image": "https://acme/p"}, "INVALID_IMAGE", "image"),
    ("newline behind", "register", {"image": "acme/p\n"}, "INVALID_IMAGE", "image"),
    ("41 characters", "register", {"image": "a/" + "b" * 39}, "INVALID_IMAGE", "image"),
    ("bad schema", "register", {"template": {"o": {"schema": {"type": 1}}}}, "INVALID_TEMPLATE_SCHEMA", None),
    ("registry type", "register", {"registry_type": "X"}, "INVALID_PARAMETER", "registry_type"),
    ("no registry url", "register", {"registry_type": "OCI"}, "REQUIRED_PARAMETER", "registry_url"),
    (
        "not allowed",
        "register",
        {"registry_type": "OCI", "registry_url": "10.0.0.1"},
        "REGISTRY_NOT_ALLOWED",
        None,
    ),
    ("other docker hub", "register", {"registry_url": "evil.example"}, "INVALID_PARAMETER", None),
    ("secret", "register", {"registry_config": {"a": [{"api_key": "x"}]}}, "INVALID_PARAMETER", None),
    ("label", "register", {"labels": ["x" * 256]}, "INVALID_PARAMETER", "labels[0]"),
    ("labels", "register", {"labels": "x"}, "INVALID_PARAMETER", "labels"),
    ("nul", "register", {"tags": {"a": "\x00"}}, "INVALID_PARAMETER", "tags.a"),
    ("nul in a key", "register", {"tags": {"\x00": 1}}, "INVALID_PARAMETER", None),
    ("surrogate", "register", {"tags": {"a": "\ud800"}}, "INVALID_PARAMETER", "tags.a"),
    ("65 bits", "register", {"tags": {"a": 2**63}}, "INVALID_PARAMETER", "tags.a"),
    (
        "not an object to Celery",
        "register",
        {"tags": {"a": {"__type__": "uuid", "__value__": 1}}},
        "INVALID_PARAMETER",
        "tags.a",
    ),
    ("40 deep", "register", {"tags": nested(40)}, "INVALID_PARAMETER", None),
    ("revision as text", "enable", {"plugin_id": "p", "expected_revision": "1"}, "INVALID_PARAMETER", None),
    ("revision as true", "enable", {"plugin_id": "p", "expected_revision": True}, "INVALID_PARAMETER", None),
    ("no such plugin", "enable", {"plugin_id": "px"}, "NOT_FOUND", None),
    ("another domain's", "enable", {"plugin_id": "kept", "domain_id": "d-2"}, "NOT_FOUND", None),
    ("operator for an id", "get", {"plugin_id": {"$ne": ""}}, "INVALID_PARAMETER", "plugin_id"),
    ("operator in a shortcut", "list", {"name": {"$gt": ""}}, "INVALID_PARAMETER", "name"),
    (
        "operator in a filter",
        "list",
        {"query": {"filter": [{"k": "name", "v": {"$gt": ""}, "o": "eq"}]}},
        "INVALID_QUERY",
        None,
    ),
    (
        "internal field",
        "list",
        {"query": {"filter": [{"k": "outbox", "v": 1, "o": "eq"}]}},
        "INVALID_QUERY",
        None,
    ),
    ("unknown repository", "get", {"plugin_id": "p", "repository_id": "repo-x"}, "NOT_FOUND", None),
    ("empty batch", "batch", {"commands": []}, "INVALID_PARAMETER", "commands"),
    ("no batch", "batch", {}, "INVALID_PARAMETER", "commands"),
]

SURVIVES: list[Any] = [
    {"$ref": "plugins", "$id": 1},
    {"$where": "sleep(1000)", "$expr": {"$gt": [1, 0]}},
    {"a.b": {"": {"~1": 1, "$": None}}},
    {"__type__": "datetime", "__value__": "x", "more": 1},
    {"int": 2**63 - 1, "low": -(2**63), "float": 4.0, "tiny": 5e-324, "bool": True, "null": None},
    {"text": "\U0001f600 ÿ \u2028 <script>", "\u00e9": "e\u0301"},
    nested(30),
    {"_id": "x", "constructor": {"__proto__": 1}},
]


@pytest.fixture
def client(live: Live) -> Iterator[PluginClient]:
    with live.client() as made:
        yield made


def test_bad_input_is_answered_and_harms_nothing(client: PluginClient) -> None:
    good = GOOD | {"domain_id": "d-kept"}
    client.ask("register", **good | {"image": "acme/kept"})
    for name, operation, fields, code, path in REFUSED:
        given = good | fields if operation == "register" else {"domain_id": "d-kept"} | fields
        if operation == "batch":
            given = fields
        with pytest.raises(errors.ContractError) as refusal:
            client.ask(operation, **given)
        assert refusal.value.code == code, name
        if path:
            assert refusal.value.details["path"] == path, name
    assert client.ask("list", domain_id="d-kept", name="N")["total_count"] == 1


def test_what_is_only_strange_survives_unchanged(client: PluginClient) -> None:
    for number, value in enumerate(SURVIVES):
        fields = dict.fromkeys(("tags", "capability", "registry_config"), value)
        answer = client.ask("register", **GOOD | {"image": f"acme/s{number}"} | fields)
        found = client.ask("get", domain_id="d-1", plugin_id=f"s{number}")
        for field in fields:
            assert json.dumps(found[field]) == json.dumps(value)
        assert found == answer
    schema = {"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}, "$id": "x"}
    client.ask("register", **GOOD | {"image": "acme/schema", "template": {"options": {"schema": schema}}})
    assert client.ask("get", domain_id="d-1", plugin_id="schema")["template"]["options"]["schema"] == schema


def test_a_body_of_1_mib_is_refused_by_its_size(
    client: PluginClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not every caller has a client that looks at the size before it sends.
    monkeypatch.setattr("contracts.client.check_size", lambda task, params: None)
    with pytest.raises(errors.InvalidParameter) as refusal:
        client.ask("register", **GOOD | {"tags": {"a": "x" * 2**20}})
    assert refusal.value.details["reason"] == "oversize"


@pytest.mark.parametrize(("task", "queue"), [("batch", "commands"), ("get", "queries")])
def test_a_message_that_is_too_large_for_any_task_is_parked_and_answered(
    client: PluginClient, live: Live, task: str, queue: str
) -> None:
    sent = client._app.send_task(
        f"plugin.{task}", kwargs={"commands": "x" * 4 * 2**20}, queue=f"plugin.{queue}"
    )
    with pytest.raises(errors.InvalidParameter, match="bytes, at most") as refusal:
        sent.get(timeout=60)
    assert refusal.value.details == {"path": "", "reason": "oversize"}


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"args": [1]}, "args"),
        ({"countdown": 60}, "eta"),
        ({"link": "x"}, "callbacks"),
    ],
)
def test_what_this_service_does_not_do_is_refused(
    client: PluginClient, options: dict[str, Any], path: str
) -> None:
    if "link" in options:
        options = {"link": client._app.signature("plugin.get")}
    sent = client._app.send_task("plugin.register", kwargs=GOOD, queue="plugin.commands", **options)
    with pytest.raises(errors.InvalidParameter) as refusal:
        sent.get(timeout=60)
    assert refusal.value.details["path"] == path


@pytest.mark.parametrize("command_id", ["x" * 129, "é", "x" * 1024])
@pytest.mark.parametrize(("task", "queue"), [("enable", "commands"), ("get", "queries")])
def test_an_unusable_id_is_answered_and_not_parked(
    client: PluginClient, live: Live, command_id: str, task: str, queue: str
) -> None:
    kwargs = {"domain_id": "d-1", "plugin_id": "p"}
    sent = client._app.send_task(f"plugin.{task}", kwargs=kwargs, queue=f"plugin.{queue}", task_id=command_id)
    with pytest.raises(errors.InvalidParameter, match="128 printable ASCII") as refusal:
        sent.get(timeout=60)
    assert refusal.value.details["path"] == "id"
    with live.redis() as broker:
        assert not broker.exists(f"plugin.{queue}:poison")


@pytest.mark.parametrize("name", ["self", "args", "str", "foo bar", ""])
@pytest.mark.parametrize(("task", "queue"), [("register", "commands"), ("get", "queries")])
def test_an_unknown_parameter_is_named_whatever_it_is_called(
    client: PluginClient, name: str, task: str, queue: str
) -> None:
    kwargs = {**(GOOD if task == "register" else {"domain_id": "d-1", "plugin_id": "p"}), name: 1}
    sent = client._app.send_task(f"plugin.{task}", kwargs=kwargs, queue=f"plugin.{queue}")
    with pytest.raises(errors.InvalidParameter) as refusal:
        sent.get(timeout=60)
    assert refusal.value.details["path"] == name


def test_what_is_no_traceparent_is_left_out(client: PluginClient, live: Live) -> None:
    given = ["\ud800", "x" * 300, "\x00", 5, "00-" + "0" * 32 + "-00f067aa0ba902b7-01"]
    for number, value in enumerate(given):
        sent = client._app.send_task(
            "plugin.register",
            kwargs=GOOD | {"image": f"acme/t{number}"},
            queue="plugin.commands",
            headers={"traceparent": value},
        )
        assert sent.get(timeout=60)["revision"] == 1
    with live.redis() as client_of_redis:
        events = [fields for _, fields in client_of_redis.xrange("plugin.events")]
    mine = [e for e in events if e["subject"].startswith("d-1/t") and "PluginChanged" in e["type"]]
    assert len(mine) == len(given)
    assert not any("traceparent" in event for event in mine)


def test_a_bad_item_of_a_batch_fails_alone_and_is_told_as_rejected(client: PluginClient, live: Live) -> None:
    bad: list[dict[str, Any]] = [
        {"tags": {"a": "\x00"}},
        {"tags": {"a": 2**63}},
        {"tags": {"\ud800": 1}},
        {"tags": nested(31)},
        {"tags": nested(300)},
        {"\ud800": 1},
        {"a": "\ud800"},
    ]
    good: dict[str, Any] = GOOD | {"image": "acme/batch", "tags": nested(30)}
    items = [{"id": "b-ok", "operation": "plugin.register", "params": good}]
    items += [
        {
            "id": f"b-{n}",
            "operation": "plugin.register",
            "params": GOOD | {"image": f"acme/batch{n}"} | fields,
        }
        for n, fields in enumerate(bad)
    ]
    rows = client.ask("batch", commands=items)
    assert rows[0]["result"]["revision"] == 1
    assert [row["error"]["code"] for row in rows[1:]] == ["INVALID_PARAMETER"] * len(bad)
    with live.redis() as client_of_redis:
        told = [fields for _, fields in client_of_redis.xrange("plugin.rejections")]
    assert [
        (t["id"], t["operation"], t["domain_id"], t["plugin_id"], t["code"])
        for t in told
        if t["id"].startswith("b-")
    ] == [(f"b-{n}", "plugin.register", "d-1", f"batch{n}", "INVALID_PARAMETER") for n in range(len(bad))]
