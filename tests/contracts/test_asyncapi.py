"""The AsyncAPI document: complete, and true."""

import base64
import json
import tomllib
from typing import Any

import celery
import redis

from contracts.catalog import OPERATIONS
from contracts.client import PluginClient
from tests.contracts.published import SCHEMAS, asyncapi, described
from worker.cli.publish.schemas import FOLDER


def test_the_contract_has_the_version_of_the_package() -> None:
    project = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())["project"]
    assert asyncapi()["info"]["version"] == project["version"]


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    references: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            references.extend(v for k, v in value.items() if k == "$ref")
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(document)
    assert references
    for reference in references:
        if reference.startswith("#/"):
            target: Any = document
            for part in reference[2:].split("/"):
                target = target[part]
        else:
            assert reference.removesuffix(".json") in SCHEMAS


def test_every_operation_queue_and_event_is_in_the_asyncapi_document() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {
        "plugin.commands",
        "plugin.commands.{partition}",
        "plugin.queries",
        "celery-task-meta-{commandId}",
        "plugin.events",
        "plugin.rejections",
    }
    for operation in OPERATIONS:
        found = document["operations"][operation.verb]
        channel = document["channels"][found["channel"]["$ref"].rsplit("/", 1)[-1]]
        assert channel["address"] == operation.queue
        message = document["components"]["messages"][operation.command.__name__]
        assert message["name"] == operation.task
        assert message["payload"]["items"][1] == {"$ref": f"{operation.command.__name__}.json"}
        told = found.get("x-api", {})
        assert (told.get("message"), told.get("method"), told.get("path")) == (
            operation.api_message,
            operation.api_method,
            operation.api_path,
        )
        also = tuple((other["method"], other["path"]) for other in told.get("also", ()))
        assert also == operation.api_also
    assert document["operations"]["publishPluginChanged"]["action"] == "send"


def test_what_celery_puts_on_a_queue_is_as_described(redis_url: str) -> None:
    kwargs = {"domain_id": "d", "plugin_id": "p"}
    app = celery.Celery(broker=redis_url, set_as_current=False)
    with redis.Redis.from_url(redis_url) as broker, app, PluginClient(redis_url, token="t") as client:
        app.send_task("plugin.enable", kwargs=kwargs, queue="plugin.commands")
        app.send_task("plugin.enable", kwargs=kwargs, queue="plugin.commands", expires=60, priority=3)
        client.send("enable", expires_s=60, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", **kwargs)
        keys = [key for key in broker.keys("plugin.commands*") if broker.type(key) == b"list"]
        sent = [json.loads(raw) for key in keys for raw in broker.lrange(key, 0, -1)]
    assert len(sent) == 3
    for element in sent:
        described("#/components/schemas/QueueElement").validate(element)
        described("#/components/messages/EnablePlugin/headers").validate(element["headers"])
        body = json.loads(base64.b64decode(element["body"]))
        described("#/components/messages/EnablePlugin/payload").validate(body)


def test_the_answer_to_get_is_a_plugin_or_a_part_of_one() -> None:
    reply = asyncapi()["operations"]["get"]["reply"]["messages"]
    names = [message["$ref"].rsplit("/", 1)[-1] for message in reply]
    assert names == ["PluginInfo", "PluginProjection", "Failure"]
    answer = {"status": "SUCCESS", "task_id": "c", "result": {"plugin_id": "p", "name": "n"}}
    described("#/components/messages/PluginProjection/payload").validate(answer)
