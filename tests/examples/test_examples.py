"""The request and response pairs of the API text, replayed through a real worker.

Every field of a response is answered as shown, but for what no replay can have (the domain, times, the
repository) and the slips of the text, which are named here one by one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contracts.client import PluginClient
from contracts.plugin import PluginInfo
from tests.support.live import Live

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"
NOT_SHOWN = {"domain_id", "created_at", "updated_at", "repository_info"}
JIRA = "plugin-jira-noti-protocol"
SNS = "plugin-aws-sns-mon-webhook"


def example(operation: str) -> tuple[dict[str, Any], dict[str, Any]]:
    pair = json.loads((EXAMPLES / f"{operation}.json").read_text())
    assert pair["operation"] == operation
    return pair["request"], pair["response"]


def assert_answered(answer: dict[str, Any], shown: dict[str, Any], **slips: Any) -> None:
    """`answer` has every field that the example shows, and but for those of `slips`, with the same value and
    the same type of number.
    """
    assert set(answer) == set(shown) | {"revision"}
    for field in set(shown) - NOT_SHOWN:
        expected = slips.get(field, shown[field])
        assert json.dumps(answer[field], sort_keys=True) == json.dumps(expected, sort_keys=True), field
    assert answer["repository_info"]["repository_type"] == "local"
    PluginInfo.model_validate_json(json.dumps(answer))


def register_sns(client: PluginClient, domain: str, **other: Any) -> dict[str, Any]:
    """What the examples of get, enable, disable and deregister show must have been registered before."""
    _, shown = example("get")
    stored = {name: shown[name] for name in ("name", "service_type", "image", "tags")} | other
    answer: dict[str, Any] = client.ask("register", domain_id=domain, **stored)
    return answer


def test_register(client: PluginClient, domain: str) -> None:
    request, shown = example("register")

    answer = client.ask("register", domain_id=domain, **request)

    assert_answered(answer, shown)
    assert answer["domain_id"] == domain
    assert answer["revision"] == 1
    assert answer["created_at"] == answer["updated_at"]


def test_update_answers_what_was_stored(client: PluginClient, domain: str) -> None:
    registration, _ = example("register")
    client.ask("register", domain_id=domain, **registration | {"name": "Before", "labels": []})
    request, shown = example("update")

    answer = client.ask("update", domain_id=domain, plugin_id=JIRA, **request)

    # The text answers with a tag that was never sent.
    assert_answered(answer, shown, tags=request["tags"])
    assert answer["revision"] == 2
    assert answer["updated_at"] > answer["created_at"]


def test_get(client: PluginClient, domain: str) -> None:
    registered = register_sns(client, domain)
    request, shown = example("get")

    answer = client.ask("get", **request | {"domain_id": domain})

    assert_answered(answer, shown)
    assert answer == registered


def test_disable_answers_disabled(client: PluginClient, domain: str) -> None:
    request, shown = example("disable")
    register_sns(client, domain, tags=shown["tags"])

    answer = client.ask("disable", **request | {"domain_id": domain})

    # The text shows ENABLED, below a sentence that says DISABLED.
    assert_answered(answer, shown, state="DISABLED")


def test_enable(client: PluginClient, domain: str) -> None:
    request, shown = example("enable")
    register_sns(client, domain, tags=shown["tags"])
    client.ask("disable", domain_id=domain, plugin_id=SNS)

    answer = client.ask("enable", **request | {"domain_id": domain})

    assert_answered(answer, shown)
    assert answer["revision"] == 3


def test_deregister_answers_with_the_plugin_as_it_last_was(client: PluginClient, domain: str) -> None:
    request, shown = example("deregister")
    registered = register_sns(client, domain, tags=shown["tags"])

    answer = client.ask("deregister", **request | {"domain_id": domain})

    assert_answered(answer, shown)
    assert answer == registered
    assert client.ask("list", domain_id=domain) == {"results": [], "total_count": 0}


def test_each_change_is_announced_once_and_in_order(client: PluginClient, domain: str, live: Live) -> None:
    register_sns(client, domain)
    for operation in ("disable", "disable", "enable", "deregister"):
        client.ask(operation, domain_id=domain, plugin_id=SNS)

    with live.redis() as redis:
        entries = [fields for _, fields in redis.xrange("plugin.events")]
    changes = [
        (json.loads(e["data"])["change"], e["id"]) for e in entries if e["subject"] == f"{domain}/{SNS}"
    ]
    assert changes == [
        ("registered", f"{domain}/{SNS}@1"),
        ("disabled", f"{domain}/{SNS}@2"),
        ("enabled", f"{domain}/{SNS}@3"),
        ("deregistered", f"{domain}/{SNS}@4"),
    ]
