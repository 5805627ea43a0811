"""The same command, sent again under its id by any kind of client, with its fields in any order, is the same one."""

import json
from itertools import pairwise
from typing import Any
from uuid import uuid4

import celery
import pytest
from click.testing import CliRunner

from contracts.client import PluginClient
from tests.support.live import Live
from worker.cli.main import main

TAGS = {"a": {"x": 1, "y": [{"m": 1, "n": "ä"}]}, "b": 2}
TURNED = {"b": 2, "a": {"y": [{"n": "ä", "m": 1}], "x": 1}}


def test_by_every_client_it_is_the_same_command(client: PluginClient, domain: str, live: Live) -> None:
    command_id = f"again-{domain}"
    client.ask("register", domain_id=domain, name="n", service_type="x.Y", image="acme/jira")

    def by_ask() -> Any:
        return client.ask(
            "update",
            command_id=command_id,
            domain_id=domain,
            plugin_id="jira",
            tags=TAGS,
            expected_revision=1,
        )

    def by_cli() -> Any:
        words = ["update", "jira", "--domain-id", domain, "--tags", json.dumps(TURNED), "--json"]
        words += [
            "--command-id",
            command_id,
            "--expected-revision",
            "1",
            "--timeout",
            "60",
            "--expires",
            "600",
        ]
        run = CliRunner().invoke(main, words, env=dict(live.env))
        assert run.exit_code == 0, run.output
        return json.loads(run.output)

    def by_bare() -> Any:
        params = {"tags": TURNED, "expected_revision": 1, "plugin_id": "jira", "domain_id": domain}
        answer_id = f"{command_id}:{uuid4().hex}"
        with celery.Celery(broker=live.redis_url, backend=live.redis_url, set_as_current=False) as bare:
            headers = {"answer_id": answer_id, "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
            bare.send_task(
                "plugin.update",
                kwargs={"name": None, **params},
                queue="plugin.commands",
                task_id=command_id,
                headers=headers,
                expires=600,
            )
            return bare.AsyncResult(answer_id).get(timeout=60)

    def by_batch() -> Any:
        params = {"tags": TURNED, "plugin_id": "jira", "expected_revision": 1, "domain_id": domain}
        (outcome,) = client.batch([{"id": command_id, "operation": "update", "params": params}])
        return outcome.result or outcome.error

    plugins = [send() for send in (by_ask, by_cli, by_bare, by_batch, by_ask)]
    assert plugins[0]["revision"] == 2
    assert all(one == other for one, other in pairwise(plugins))


@pytest.mark.parametrize("how", ["ask", "ask_many"])
def test_a_read_may_have_any_id_any_number_of_times(client: PluginClient, domain: str, how: str) -> None:
    for name in ("one", "two"):
        client.ask("register", domain_id=domain, name="n", service_type="x.Y", image=f"acme/{name}")
    for name in ("one", "two", "one"):
        params: dict[str, Any] = {"domain_id": domain, "plugin_id": name}
        if how == "ask":
            found = client.ask("get", command_id="same", **params)
        else:
            (outcome,) = client.ask_many([{"id": "same", "operation": "get", "params": params}])
            found = outcome.result
        assert found["plugin_id"] == name
