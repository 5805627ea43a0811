"""Sending again after a doubt, with the same command id; and what never gets as far as a worker."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts import errors
from contracts.client import AskTimeout, PluginClient
from tests.support.live import Live
from tests.support.servers import wait_until

QUEUE = "plugin.commands"


@pytest.fixture
def jira(client: PluginClient, domain: str) -> dict[str, Any]:
    client.ask("register", domain_id=domain, name="JIRA", service_type="x.Y", image="acme/jira")
    return {"domain_id": domain, "plugin_id": "jira"}


@pytest.fixture
def paused(live: Live, jira: dict[str, Any]) -> Iterator[Live]:
    """The service while nobody applies commands."""
    live.commands.pause()
    yield live
    live.commands.resume()


def test_what_an_earlier_sending_was_answered_with_is_not_the_answer(
    client: PluginClient, paused: Live, domain: str
) -> None:
    slack: dict[str, Any] = {"command_id": f"early-{domain}", "domain_id": domain, "plugin_id": "slack"}
    with pytest.raises(AskTimeout):
        client.ask("disable", timeout_s=0.5, **slack)
    paused.commands.resume()
    with paused.redis() as redis:
        wait_until(lambda: redis.keys(f"celery-task-meta-{slack['command_id']}:*"), 60, "its refusal")
    client.ask("register", domain_id=domain, name="Slack", service_type="x.Y", image="acme/slack")

    assert client.ask("disable", timeout_s=60, **slack)["state"] == "DISABLED"


def test_a_batch_without_an_answer_can_be_sent_again(client: PluginClient, paused: Live, domain: str) -> None:
    names = ["one", "two"]
    commands = [
        {
            "operation": "register",
            "params": {"domain_id": domain, "name": name, "service_type": "x.Y", "image": f"acme/{name}"},
        }
        for name in names
    ]
    with pytest.raises(AskTimeout) as raised:
        client.batch(commands, timeout_s=0.5)
    paused.commands.resume()
    again = [{**command, "id": id} for command, id in zip(commands, raised.value.ids, strict=True)]

    outcomes = client.batch(again)

    assert [outcome.error for outcome in outcomes] == [None, None]
    assert [outcome.result["plugin_id"] for outcome in outcomes if outcome.result] == names


def test_an_earlier_sending_that_comes_too_late_does_not_answer_a_later_one(
    client: PluginClient, paused: Live, jira: dict[str, Any]
) -> None:
    command = {"command_id": f"twice-{jira['domain_id']}", **jira}
    with pytest.raises(AskTimeout):
        client.ask("disable", expires_s=0.2, timeout_s=0.5, **command)
    with ThreadPoolExecutor(1) as thread, paused.redis() as redis:
        again = thread.submit(client.ask, "disable", timeout_s=60, **command)
        wait_until(lambda: redis.llen(QUEUE) == 2, 60, "both sendings")
        paused.commands.resume()
        assert again.result()["state"] == "DISABLED"


def test_its_own_deadline_is_its_own(client: PluginClient, paused: Live, jira: dict[str, Any]) -> None:
    with ThreadPoolExecutor(1) as thread, paused.redis() as redis:
        late = thread.submit(client.ask, "disable", command_id="own", expires_s=0.001, timeout_s=60, **jira)
        wait_until(lambda: redis.llen(QUEUE), 60, "the command")
        paused.commands.resume()
        with pytest.raises(errors.DeadlineExceeded):
            late.result()


@pytest.mark.parametrize("command_id", ["", "é", "x" * 129, "a\nb"])
def test_an_id_that_no_worker_would_take_is_refused_at_once(
    client: PluginClient, command_id: str, jira: dict[str, Any]
) -> None:
    for operation in (client.ask, client.send):
        with pytest.raises(errors.InvalidParameter) as raised:
            operation("disable", command_id=command_id, **jira)
        assert raised.value.details == {"path": "id"}


def test_a_command_that_fits_no_batch_is_refused_alone(client: PluginClient, jira: dict[str, Any]) -> None:
    huge = {**jira, "tags": {"x": "y" * 3_300_000}}
    outcomes = client.batch(
        [
            {"operation": "disable", "params": jira},
            {"operation": "update", "params": huge},
            {"operation": "enable", "params": jira},
        ]
    )
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, errors.InvalidParameter)
    assert outcomes[1].error.details["reason"] == "oversize"
