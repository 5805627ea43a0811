"""`contracts.client` and bare Celery clients against a real worker."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import celery
import pytest

from contracts import errors
from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from tests.support.live import Live
from tests.support.servers import free_port, wait_until


@pytest.fixture
def bare(live: Live) -> Iterator[celery.Celery]:
    """A Celery app that knows nothing of this project but two names and an address."""
    app = celery.Celery(broker=live.redis_url, backend=live.redis_url, set_as_current=False)
    yield app
    app.backend.result_consumer.stop()
    app.backend.client.connection_pool.disconnect()
    app.close()


def registration(domain: str, plugin_id: str = "jira", **other: Any) -> dict[str, Any]:
    return {
        "domain_id": domain,
        "name": plugin_id,
        "service_type": "notification.Protocol",
        "image": f"acme/{plugin_id}",
        **other,
    }


def revisions(live: Live, domain: str) -> list[str]:
    """The ids of the domain's events, in the order of the stream."""
    with live.redis() as redis:
        entries = [fields for _, fields in redis.xrange("plugin.events")]
    return [e["id"] for e in entries if e["subject"].startswith(f"{domain}/")]


def test_ask_answers_with_the_plugin(client: PluginClient, domain: str) -> None:
    answer = client.ask("register", **registration(domain))

    assert (answer["plugin_id"], answer["state"], answer["revision"]) == ("jira", "ENABLED", 1)
    assert client.ask("get", domain_id=domain, plugin_id="jira") == answer
    assert client.ask("plugin.list", domain_id=domain)["total_count"] == 1


@pytest.mark.parametrize(
    ("operation", "params", "error"),
    [
        ("get", {"plugin_id": "none"}, errors.PluginNotFound),
        ("update", {"plugin_id": "none", "name": "x"}, errors.PluginNotFound),
        ("get", {}, errors.RequiredParameter),
        ("enable", {"plugin_id": "none", "force": True}, errors.InvalidParameter),
        ("register", {"name": "x", "service_type": "x", "image": "UPPER"}, errors.InvalidImage),
        (
            "register",
            {"name": "x", "service_type": "x", "image": "a", "template": {"a": {"schema": {"type": 7}}}},
            errors.InvalidTemplateSchema,
        ),
        ("list", {"query": {"filter": [{"k": "name"}]}}, errors.InvalidQuery),
        (
            "register",
            {
                "name": "x",
                "service_type": "x",
                "image": "a",
                "registry_type": "OCI",
                "registry_url": "r.example",
            },
            errors.RegistryNotAllowed,
        ),
        ("get", {"plugin_id": "x", "repository_id": "none"}, errors.RepositoryNotFound),
    ],
)
def test_a_refusal_is_raised_as_its_class(
    client: PluginClient, domain: str, operation: str, params: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        client.ask(operation, domain_id=domain, **params)
    assert type(raised.value) is error
    refusal = raised.value
    assert isinstance(refusal, errors.Refused)
    assert refusal.message
    assert refusal.code == error.code  # type: ignore[attr-defined]  # of the contract


def test_a_conflict_tells_the_present_revision(client: PluginClient, domain: str) -> None:
    client.ask("register", **registration(domain))
    with pytest.raises(errors.RevisionConflict) as raised:
        client.ask("disable", domain_id=domain, plugin_id="jira", expected_revision=7)
    assert raised.value.details["revision"] == 1


def test_send_has_its_effect_without_an_answer(client: PluginClient, domain: str, live: Live) -> None:
    command_id = client.send("register", **registration(domain))

    wait_until(lambda: revisions(live, domain), what="the event")
    with live.redis() as redis:
        assert not redis.exists(f"celery-task-meta-{command_id}")


def test_the_same_id_again_has_one_effect_and_the_same_success(
    client: PluginClient, domain: str, live: Live
) -> None:
    command_id = str(uuid4())
    first = client.ask("register", command_id=command_id, **registration(domain))
    again = client.ask("register", command_id=command_id, **registration(domain))

    assert again == first
    assert revisions(live, domain) == [f"{domain}/jira@1"]


def test_no_answer_in_time_and_the_same_id_after_it(client: PluginClient, domain: str, live: Live) -> None:
    command_id = str(uuid4())
    live.commands.pause()
    try:
        with pytest.raises(AskTimeout) as raised:
            client.ask("register", timeout_s=0.3, command_id=command_id, **registration(domain))
    finally:
        live.commands.resume()
    assert raised.value.command_id == command_id
    assert isinstance(raised.value, TimeoutError)

    answer = client.ask("register", timeout_s=30, command_id=command_id, **registration(domain))
    assert answer["revision"] == 1
    assert revisions(live, domain) == [f"{domain}/jira@1"]


def test_a_command_past_its_deadline_is_not_applied(client: PluginClient, domain: str, live: Live) -> None:
    live.commands.pause()
    try:
        with pytest.raises(AskTimeout):
            client.ask("register", timeout_s=0.2, expires_s=0.1, **registration(domain, "late"))
        pending = client.send("register", expires_s=60, **registration(domain, "in-time"))
    finally:
        live.commands.resume()

    wait_until(lambda: revisions(live, domain), what=f"the event of {pending}")
    assert revisions(live, domain) == [f"{domain}/in-time@1"]
    with pytest.raises(errors.DeadlineExceeded):
        client.ask("register", expires_s=0, **registration(domain, "late"))


def test_the_trace_of_a_command_is_on_its_event(client: PluginClient, domain: str, live: Live) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client.ask("register", traceparent=trace, **registration(domain))
    with live.redis() as redis:
        entries = [fields for _, fields in redis.xrange("plugin.events")]
    assert [e["traceparent"] for e in entries if e["subject"] == f"{domain}/jira"] == [trace]


def test_a_batch_over_the_limits_is_split_and_answered_in_order(client: PluginClient, domain: str) -> None:
    commands = [{"operation": "register", "params": registration(domain, f"p{n}")} for n in range(520)]
    commands += [
        {"operation": ("disable", "enable")[n % 2], "params": {"domain_id": domain, "plugin_id": "p0"}}
        for n in range(60)
    ]
    commands.insert(100, {"id": "bad", "operation": "plugin.register", "params": {"domain_id": domain}})

    outcomes = client.batch(commands)

    assert len(outcomes) == 581
    assert outcomes[100].id == "bad"
    assert isinstance(outcomes[100].error, errors.RequiredParameter)
    good = [outcome.result for n, outcome in enumerate(outcomes) if n != 100]
    assert [r["plugin_id"] for r in good[:520] if r] == [f"p{n}" for n in range(520)]
    assert [r["revision"] for r in good[520:] if r] == list(range(2, 62))
    assert client.ask("list", domain_id=domain, query={"count_only": True}) == {
        "results": [],
        "total_count": 520,
    }


def test_a_batch_larger_than_a_message_may_be(client: PluginClient, domain: str) -> None:
    tags = {"text": "x" * 900_000}
    commands = [
        {"operation": "register", "params": registration(domain, f"big{n}", tags=tags)} for n in range(6)
    ]
    outcomes = client.batch(commands)
    assert [bool(outcome.result) for outcome in outcomes] == [True] * 6


def test_a_batch_that_is_refused_whole_gives_each_item_the_refusal(domain: str, live: Live) -> None:
    plugins = [f"p{n}" for n in range(8)]
    commands = [
        {"id": p, "operation": "enable", "params": {"domain_id": domain, "plugin_id": p}} for p in plugins
    ]
    commands[3]["id"] = "é"
    with live.client() as client:
        outcomes = client.batch(commands)
    assert [outcome.id for outcome in outcomes] == [*plugins[:3], "é", *plugins[4:]]
    assert {type(outcome.error) for outcome in outcomes} == {errors.InvalidParameter}


def test_what_is_larger_than_a_command_may_be_is_refused_before_it_is_sent() -> None:
    # Nothing listens there: whatever was sent would be RedisUnavailable.
    with PluginClient(f"redis://127.0.0.1:{free_port()}/0") as client:
        for send in (client.ask, client.send):
            with pytest.raises(errors.InvalidParameter) as refused:
                send("update", domain_id="d", plugin_id="jira", tags={"x": "y" * 400_000})
            assert refused.value.details["reason"] == "oversize"
            assert refused.value.details["path"] == ""
        with pytest.raises(RedisUnavailable):
            client.send("update", domain_id="d", plugin_id="jira", tags={"x": "y" * 300_000})


def test_a_word_that_is_no_operation(client: PluginClient) -> None:
    with pytest.raises(ValueError, match=r"unknown operation purge; there are plugin\.batch, "):
        client.send("purge")


@pytest.mark.parametrize("how", ["send", "ask", "batch"])
def test_a_redis_that_is_not_there_is_told_soon(domain: str, how: str) -> None:
    nowhere = PluginClient(f"redis://127.0.0.1:{free_port()}/0")
    with nowhere as client, pytest.raises(RedisUnavailable, match="does not answer"):
        if how == "batch":
            client.batch([{"operation": "register", "params": registration(domain)}])
        else:
            getattr(client, how)("register", **registration(domain))


def test_a_bare_client_registers_and_gets_the_very_class_of_a_refusal(
    bare: celery.Celery, domain: str
) -> None:
    answer = bare.send_task("plugin.register", kwargs=registration(domain), queue="plugin.commands").get(60)
    assert answer["plugin_id"] == "jira"

    again = bare.send_task("plugin.register", kwargs=registration(domain), queue="plugin.commands")
    with pytest.raises(errors.PluginAlreadyExists) as raised:
        again.get(60)
    assert raised.value.code == "ALREADY_EXISTS"
    assert raised.value.details == {"plugin_id": "jira", "spaceone_code": "ERROR_NOT_UNIQUE"}


def test_any_caller_reads_the_code_from_the_reply(bare: celery.Celery, domain: str, live: Live) -> None:
    sent = bare.send_task(
        "plugin.get", kwargs={"domain_id": domain, "plugin_id": "x"}, queue="plugin.queries"
    )
    with pytest.raises(errors.PluginNotFound):
        sent.get(60)
    with live.redis() as redis:
        reply = json.loads(redis.get(f"celery-task-meta-{sent.id}"))
        assert 0 < redis.ttl(f"celery-task-meta-{sent.id}") <= 3600
    assert reply["status"] == "FAILURE"
    assert reply["result"] == {
        "exc_type": "PluginNotFound",
        "exc_module": "contracts.errors",
        "exc_message": [
            f'plugin "x" does not exist in {domain}',
            "NOT_FOUND",
            {"plugin_id": "x", "spaceone_code": "ERROR_NO_PLUGIN"},
        ],
    }


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"args": ["positional"]}, "args"),
        ({"countdown": 1}, "eta"),
        ({"link": celery.signature("plugin.get")}, "callbacks"),
    ],
)
def test_what_a_message_must_not_say_is_answered(
    bare: celery.Celery, domain: str, options: dict[str, Any], path: str
) -> None:
    kwargs = {"domain_id": domain, "plugin_id": "x"}
    sent = bare.send_task("plugin.enable", kwargs=kwargs, queue="plugin.commands", **options)
    with pytest.raises(errors.InvalidParameter) as raised:
        sent.get(60)
    assert raised.value.details["path"] == path


def test_an_unknown_task_is_answered(bare: celery.Celery) -> None:
    with pytest.raises(errors.InvalidParameter) as raised:
        bare.send_task("plugin.explode", queue="plugin.commands").get(60)
    assert raised.value.details["path"] == "task"
