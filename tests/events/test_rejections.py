"""The stream of refused writes: best effort, alone or beside other commands."""

from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import worker.events.rejections
from contracts.errors import PluginAlreadyExists, PluginNotFound
from worker.events.rejections import Refusal, Rejections

REFUSED: list[Refusal] = [
    ("c-1", "plugin.enable", {"domain_id": "d", "plugin_id": "jira"}, PluginNotFound("no")),
    ("c-2", "plugin.register", {"domain_id": "d" * 300, "image": "a/\ud800"}, PluginAlreadyExists("no")),
]


def entries(client: Any) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in client.xrange("plugin.rejections")]


@pytest.fixture
def rejections(client: redis.Redis) -> Rejections:
    return Rejections(client)


def test_an_entry_names_the_plugin_and_the_code(client: redis.Redis, rejections: Rejections) -> None:
    rejections.publish_all(REFUSED)
    rejections.publish_all(REFUSED[:1])
    first, second, third = entries(client)
    assert first.pop(b"time") and third.pop(b"time")
    assert first == third
    assert first == {
        b"id": b"c-1",
        b"operation": b"plugin.enable",
        b"domain_id": b"d",
        b"plugin_id": b"jira",
        b"code": b"NOT_FOUND",
    }
    assert (second[b"domain_id"], second[b"plugin_id"]) == (b"d" * 255, b"?")


def test_they_go_out_beside_other_commands(client: redis.Redis, rejections: Rejections) -> None:
    pipe = client.pipeline(transaction=False)
    assert rejections.queue(pipe, REFUSED) == 2
    assert rejections.queue(pipe, []) == 0
    pipe.set("answer", "stored")
    replies = pipe.execute(raise_on_error=False)
    rejections.collect(replies[:2])
    assert [entry[b"id"] for entry in entries(client)] == [b"c-1", b"c-2"]


def test_what_fails_is_logged_and_nothing_is_raised(
    client: redis.Redis, rejections: Rejections, caplog: pytest.LogCaptureFixture
) -> None:
    client.set("plugin.rejections", "not a stream")
    rejections.publish_all(REFUSED)
    rejections.collect([b"1-1", redis.ResponseError("OOM")])
    nobody: Any = redis.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    Rejections(nobody).publish_all(REFUSED)
    nobody.close()
    texts = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in texts] == [
        f"{count} rejection(s) were not published" for count in (2, 1, 2)
    ]


def test_nothing_to_add_takes_no_round_trip() -> None:
    nobody: Any = redis.Redis(port=1)
    Rejections(nobody).publish_all([])


def test_long_names_shorten_the_stream(
    client: redis.Redis, rejections: Rejections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.events.rejections, "_MAX_BYTES", 1_000_000)
    long = {"domain_id": "\U0001f600" * 255, "plugin_id": "\U0001f600" * 255}
    rejections.publish_all([(f"id-{n}", "plugin.enable", long, PluginNotFound("x")) for n in range(2_000)])
    raw = sum(len(part) for entry in entries(client) for pair in entry.items() for part in pair)
    assert 500_000 < raw < 1_300_000
