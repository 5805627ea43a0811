"""What can be read of a parked message, and that its tokens are not kept."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from worker.dead_letters.message import read_message, task_message, with_headers

TOKEN = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"


def message(**headers: Any) -> dict[str, Any]:
    kwargs = {"domain_id": "d-1", "plugin_id": "jira"}
    made: dict[str, Any] = json.loads(task_message("plugin.enable", "c-1", kwargs, "plugin.commands"))
    made["headers"] |= headers
    return made


def raw(made: Any) -> bytes:
    return json.dumps(made).encode()


def test_a_message_without_a_token_is_kept_byte_for_byte() -> None:
    # The spaces and the order of a foreign client's JSON are not ours to change.
    sent = json.dumps(message(note="x"), indent=3).encode()
    reading = read_message(sent)
    assert reading.raw == sent
    assert not reading.stripped
    assert (reading.task, reading.command_id, reading.keys) == ("plugin.enable", "c-1", ["d-1/jira"])


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"Authorization": TOKEN},
        {"headers": {"AUTHORIZATION": f"Bearer {TOKEN}"}},
        {"cookie": f"sid={TOKEN}"},
        {"x-auth-token": [TOKEN]},
        {"\u0061uthorization": TOKEN},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_tokens_are_taken_out_and_the_body_is_not_touched(headers: dict[str, Any]) -> None:
    sent = message(**headers)
    reading = read_message(raw(sent))
    assert TOKEN.encode() not in reading.raw
    assert TOKEN not in json.dumps(reading.headers)
    assert reading.stripped
    assert json.loads(reading.raw)["body"] == sent["body"]
    assert json.loads(reading.raw)["properties"] == sent["properties"]


@pytest.mark.parametrize(
    "sent",
    [
        b'{"headers": {"authorization": "Bearer ' + TOKEN.encode() + b'"}, "body": ',
        b'{"headers": {"Authorization" : "' + TOKEN.encode() + b'"}, \xff}',
        b"authorization: bearer " + TOKEN.encode(),
        raw({"headers": [{"authorization": TOKEN}]}),
        raw({"headers": None, "authorization": TOKEN, "x": "y" * 9_000_000}),
    ],
    ids=["cut off", "not UTF-8", "text", "headers are a list", "9 MB"],
)
def test_an_unreadable_message_loses_its_token_and_nothing_else(sent: bytes) -> None:
    reading = read_message(sent)
    assert TOKEN.encode() not in reading.raw
    assert reading.stripped
    assert reading.task is None
    kept = reading.raw.partition(b"(removed)")
    assert sent.startswith(kept[0].removesuffix(b"Bearer "))
    assert sent.endswith(kept[2])


def test_an_unreadable_message_without_a_token_is_kept_byte_for_byte() -> None:
    for sent in (b"", b"\x00\xff\xfe", b"[]", b'{"a": 1', b'"' * 10_000, b"token" * 100_000):
        reading = read_message(sent)
        assert reading.raw == sent
        assert not reading.stripped


def test_hostile_depth_and_numbers_are_read_without_harm() -> None:
    deep = b'{"headers": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}"
    for sent in (deep, b"[" * 100_000, b'{"headers": {"id": ' + b"9" * 5000 + b"}}"):
        assert read_message(sent).raw == sent
    assert read_message(raw(message(id="\ud800\x00"))).command_id == "?\x00"


def test_a_batch_names_every_plugin_of_its_items() -> None:
    items = [
        {"id": "1", "operation": "plugin.register", "params": {"domain_id": "d-1", "image": "acme/jira"}},
        {"id": "2", "operation": "plugin.enable", "params": {"domain_id": "d-1", "plugin_id": "slack"}},
        {"id": "3", "operation": "plugin.enable", "params": None},
        "nonsense",
    ]
    sent = task_message("plugin.batch", "b-1", {"commands": items}, "plugin.commands")
    assert read_message(sent).keys == ["d-1/jira", "d-1/slack"]


def test_a_new_token_and_a_passed_deadline() -> None:
    kept = read_message(raw(message(authorization=f"Bearer {TOKEN}", expires="2020-01-01T00:00:00"))).raw
    assert read_message(kept).expires == datetime(2020, 1, 1, tzinfo=UTC)
    headers = json.loads(with_headers(kept, token="new", drop_expires=True))["headers"]
    assert headers["authorization"] == "Bearer new"
    assert "expires" not in headers
    # Without a new one the header is left out, and does not say "(removed)" to whoever checks it.
    assert "authorization" not in json.loads(with_headers(kept, token=None, drop_expires=False))["headers"]
    plain = raw(message())
    assert with_headers(plain, token=None, drop_expires=False) == plain


def test_a_body_in_plain_text_is_read_too() -> None:
    sent = message()
    sent["body"] = base64.b64decode(sent["body"]).decode()
    del sent["properties"]["body_encoding"]
    assert read_message(raw(sent)).keys == ["d-1/jira"]
