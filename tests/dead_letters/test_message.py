"""What can be read of a parked message, and that its tokens are not kept."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.messages import celery_message, decode_body, encode_body
from tests.transport.poison_shapes import SHAPES
from worker.dead_letters.message import read_message, with_headers
from worker.transport.encode import task_message, with_arguments
from worker.transport.protocol import Envelope, MessageLimits, parse_envelope

JIRA = {"domain_id": "d-1", "plugin_id": "jira"}
TOKEN = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"


def message(**headers: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(
        task_message("plugin.enable", "c-1", JIRA, "plugin.commands", **headers)
    )
    return made


def old(**options: Any) -> bytes:
    return celery_message("plugin.enable", JIRA, "c-1", protocol=1, **options)


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
    sent["body"] = json.dumps(decode_body(sent))
    del sent["properties"]["body_encoding"]
    assert read_message(raw(sent)).keys == ["d-1/jira"]


def test_arguments_are_read_beside_others_that_no_task_can_take() -> None:
    sent = message()
    sent["body"] = encode_body([{}, JIRA, []])
    assert read_message(raw(sent)).keys == ["d-1/jira"]
    sent["body"] = encode_body([[], [JIRA], {}])
    assert read_message(raw(sent)).kwargs is None


def test_numbers_that_are_not_json_hide_no_token() -> None:
    sent = raw(message(number=float("nan"), sid={"Authorization": [TOKEN]}))
    reading = read_message(sent)
    assert reading.stripped and TOKEN.encode() not in reading.raw
    assert (reading.command_id, reading.keys) == ("c-1", ["d-1/jira"])


def test_a_message_of_protocol_1_is_read_too() -> None:
    sent = old(expires="2030-01-01T00:00:00+00:00")
    reading = read_message(sent)
    assert (reading.raw, reading.stripped) == (sent, False)
    assert (reading.task, reading.command_id, reading.kwargs) == ("plugin.enable", "c-1", JIRA)
    assert reading.keys == ["d-1/jira"]
    assert reading.expires == datetime(2030, 1, 1, tzinfo=UTC)


def test_the_token_of_protocol_1_is_taken_out_and_its_body_is_not_touched() -> None:
    sent = old(headers={"authorization": f"Bearer {TOKEN}"})
    reading = read_message(sent)
    assert reading.stripped
    assert TOKEN.encode() not in reading.raw and TOKEN not in json.dumps(reading.headers)
    assert json.loads(reading.raw) == json.loads(sent) | {"headers": {"authorization": "(removed)"}}


def test_protocol_1_with_a_new_token_and_without_its_deadline() -> None:
    sent = old(expires="2020-01-01T00:00:00+00:00", headers={"authorization": f"Bearer {TOKEN}"})
    kept = read_message(sent).raw
    plain = old()
    assert with_headers(plain, token=None, drop_expires=False) == plain
    again = read(with_headers(kept, token="new", drop_expires=True))
    assert again.headers["authorization"] == "Bearer new"
    assert again.headers.get("expires") is None
    before = read(sent)
    assert (again.id, again.task, again.kwargs, again.embed) == (before.id, before.task, JIRA, before.embed)


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_part_of_a_batch_has_an_id_and_arguments_of_its_own(protocol: int) -> None:
    sent = celery_message("plugin.batch", {"commands": [1, 2]}, "b-1", protocol=protocol, priority=3)
    made = with_arguments(sent, "b-2", {"commands": [1]})
    part = read(made)
    assert (part.id, part.task, part.kwargs, part.priority) == ("b-2", "plugin.batch", {"commands": [1]}, 3)
    assert part.headers["root_id"] == json.loads(made)["properties"]["correlation_id"] == "b-2"
    tags = [json.loads(message)["properties"]["delivery_tag"] for message in (sent, made)]
    assert tags[0] != tags[1]


@pytest.mark.parametrize("name", SHAPES)
def test_whatever_a_task_could_read_is_read_alike(name: str) -> None:
    sent, _ = SHAPES[name]
    envelope, reading = parse_envelope(sent, MessageLimits()), read_message(sent)
    if not isinstance(envelope, Envelope):
        return
    assert reading.command_id is not None and envelope.id.startswith(reading.command_id)
    if envelope.refusal is None:
        assert reading.kwargs == envelope.kwargs


def read(sent: bytes) -> Envelope:
    envelope = parse_envelope(sent, MessageLimits())
    assert isinstance(envelope, Envelope) and envelope.refusal is None
    return envelope
