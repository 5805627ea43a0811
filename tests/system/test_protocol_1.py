"""A client that speaks Celery's message protocol 1 is served as any other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import celery
import pytest

from contracts import errors
from tests.support.live import Live

GOOD = {"domain_id": "d-old", "name": "Old", "service_type": "x.Y", "image": "acme/old"}


@pytest.fixture
def client(live: Live) -> Iterator[celery.Celery]:
    made = celery.Celery(broker=live.redis_url, backend=live.redis_url, set_as_current=False)
    made.conf.task_protocol = 1
    yield made
    made.backend.result_consumer.stop()
    made.backend.client.connection_pool.disconnect()
    made.close()


def test_its_commands_are_applied_once_in_order_and_answered(client: celery.Celery, live: Live) -> None:
    jira = {"domain_id": "d-old", "plugin_id": "old"}
    writes: list[tuple[str, str, dict[str, Any]]] = [
        ("o-1", "plugin.register", GOOD),
        ("o-2", "plugin.update", {**jira, "tags": {"a": "b"}}),
        ("o-2", "plugin.update", {**jira, "tags": {"a": "b"}}),
        ("o-3", "plugin.disable", jira),
    ]
    sent = [
        client.send_task(task, kwargs=kwargs, queue="plugin.commands", task_id=command_id)
        for command_id, task, kwargs in writes
    ]
    assert [answer.get(timeout=60)["revision"] for answer in sent] == [1, 2, 2, 3]
    found = client.send_task("plugin.get", kwargs=jira, queue="plugin.queries").get(timeout=60)
    assert (found["revision"], found["state"], found["tags"]) == (3, "DISABLED", {"a": "b"})


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"countdown": 60}, errors.InvalidParameter),
        ({"args": [1]}, errors.InvalidParameter),
        ({"expires": datetime.now(UTC) - timedelta(hours=1)}, errors.DeadlineExceeded),
        ({"task": "plugin.regster"}, errors.InvalidParameter),
    ],
    ids=["countdown", "args", "expired", "unknown task"],
)
def test_it_is_refused_what_every_client_is_refused(
    client: celery.Celery, options: dict[str, Any], refusal: type[Exception]
) -> None:
    task = options.get("task", "plugin.register")
    given = {name: value for name, value in options.items() if name != "task"}
    with pytest.raises(refusal):
        client.send_task(task, kwargs=GOOD, queue="plugin.commands", **given).get(timeout=60)
