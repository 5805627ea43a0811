"""Reading raw list elements: every shape has its fate, both protocols say the same, and no bytes raise."""

import copy
import json
from typing import Any

import pytest
from celery import signature
from hypothesis import given
from hypothesis import strategies as st

from tests.support.messages import celery_message, decode_body, encode_body
from tests.support.old_clients import CLIENTS
from tests.transport.elements import element
from tests.transport.poison_shapes import SHAPES, make, nested
from worker.transport.element import BrokenElement, read_element
from worker.transport.protocol import Envelope, MessageLimits, Unreadable, parse_envelope

LIMITS = MessageLimits(max_bytes=64 * 1024, max_bytes_by_task={"test.batch": 256 * 1024})
KWARGS = {"$x": [1, 4.0, None, "é"], "__type__": "uuid", "__value__": 1}
SENT = {
    protocol: json.loads(celery_message("a.task", KWARGS, "c-1", protocol=protocol)) for protocol in (1, 2)
}
"""What Celery sends for one task, by its protocol."""


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_has_its_fate(name: str) -> None:
    raw, (fate, reason) = SHAPES[name]
    result = parse_envelope(raw, LIMITS)
    if fate == "parked" and reason != "oversize":
        assert isinstance(result, Unreadable) and result.reason == reason
        return
    assert isinstance(result, Envelope)
    assert (result.task == "") is (fate == "foreign" or (fate, reason) == ("unknown", ""))
    if fate in ("refused", "foreign") or reason == "oversize":
        assert result.refusal is not None and result.refusal.reason == reason
        assert not result.kwargs and not result.args
    else:
        assert result.refusal is None


def read(raw: bytes) -> Envelope:
    result = parse_envelope(raw, LIMITS)
    assert isinstance(result, Envelope) and result.refusal is None
    return result


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_message_of_either_protocol_is_read_as_it_was_sent(protocol: int) -> None:
    expires, token = "2030-01-01T00:00:00+00:00", "Bearer a.b.c"
    result = read(
        celery_message(
            "a.task",
            KWARGS,
            "c-1",
            protocol=protocol,
            expires=expires,
            priority=3,
            reply_to="me",
            headers={"authorization": token},
        )
    )
    assert (result.id, result.task, result.kwargs, result.args) == ("c-1", "a.task", KWARGS, [])
    assert (result.reply_to, result.priority, result.redelivered) == ("me", 3, False)
    assert (result.headers["expires"], result.headers["authorization"]) == (expires, token)
    assert not result.headers["eta"] and not result.headers["group"]
    assert not any(result.embed.get(name) for name in ("callbacks", "errbacks", "chain", "chord"))


@pytest.mark.parametrize("protocol", [1, 2])
def test_what_celery_adds_to_a_task_is_found_in_the_same_place(protocol: int) -> None:
    link = signature("a.link")
    options = {"link": link, "link_error": link, "chord": link, "group_id": "g", "countdown": 60, "args": [1]}
    result = read(celery_message("a.task", KWARGS, "c-1", protocol=protocol, **options))
    assert (result.args, result.kwargs, result.headers["group"]) == ([1], KWARGS, "g")
    assert result.headers["eta"].startswith("20")
    assert result.embed["callbacks"] == result.embed["errbacks"] == [result.embed["chord"]]
    assert result.embed["chord"]["task"] == "a.link"


@pytest.mark.parametrize("names", [{"taskset": "g"}, {"group": "g"}, {"taskset": None, "group": "g"}])
def test_a_group_may_be_called_taskset_in_protocol_1(names: dict[str, str | None]) -> None:
    body = {"task": "a.task", "id": "c-1", **names}
    assert read(json.dumps({**SENT[1], "body": encode_body(body)}).encode()).headers["group"] == "g"


def test_how_deep_the_arguments_are_is_left_to_the_task() -> None:
    deep = nested(300)
    assert read(make(kwargs={"a": deep})).kwargs == {"a": deep}


@pytest.mark.parametrize("part", ["headers", "properties"])
def test_how_deep_headers_and_properties_are_is_limited(part: str) -> None:
    # The part itself is the first level.
    fits, more = nested(31), nested(32)
    read(json.dumps({**SENT[2], part: {**SENT[2][part], "x": fits}}).encode())
    result = parse_envelope(json.dumps({**SENT[2], part: {**SENT[2][part], "x": more}}).encode(), LIMITS)
    assert isinstance(result, Envelope) and result.refusal is not None
    assert (result.refusal.reason, result.refusal.path) == ("too_deep", part)


def test_a_task_may_have_a_size_of_its_own() -> None:
    read(element("test.batch", filler="x" * 100_000))
    assert LIMITS.largest == 256 * 1024


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def elements(draw: st.DrawFn) -> bytes:
    """A message of either protocol, with other values anywhere: beside its body, in it, or in place of it."""
    message = copy.deepcopy(SENT[draw(st.sampled_from([1, 2]))])
    body = decode_body(message)
    # A list has its parts by number, as an object has them by name.
    places = [message["headers"], message["properties"], body, message]
    for place in draw(st.lists(st.sampled_from(places), max_size=3)):
        names = range(len(place)) if isinstance(place, list) else [*place, "new"]
        place[draw(st.sampled_from(names))] = draw(json_values)
    if message["body"] == SENT[1]["body"] or message["body"] == SENT[2]["body"]:
        message["body"] = encode_body(body)
    return json.dumps(message).encode()


FIELDS_OF_1 = (
    "task",
    "args",
    "kwargs",
    "retries",
    "eta",
    "expires",
    "utc",
    "group",
    "taskset",
    "timelimit",
    "callbacks",
)


@given(
    st.sampled_from(sorted(CLIENTS)),
    st.dictionaries(st.sampled_from(FIELDS_OF_1) | st.text(max_size=5), json_values, max_size=3),
)
def test_whatever_a_body_of_protocol_1_says_it_can_be_answered(name: str, fields: dict[str, Any]) -> None:
    """All that is needed is its id. Whatever is right beside a wrong field is kept, and so is every argument."""
    sent = {"task": "a.task", "kwargs": KWARGS, **fields, "id": "c-1"}
    result = parse_envelope(CLIENTS[name]("", {}, "c-1", **sent), LIMITS)
    assert isinstance(result, Envelope) and result.id == "c-1"
    assert result.task == (sent["task"] if isinstance(sent["task"], str) else "")
    if result.refusal is None:
        assert result.kwargs == (sent["kwargs"] or {})
    else:
        assert result.refusal.reason in {"bad_body", "too_deep"}


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_of_protocol_1_says_what_celery_says_in_protocol_2(name: str) -> None:
    new, old = read(celery_message("a.task", KWARGS, "c-1")), read(CLIENTS[name]("a.task", KWARGS, "c-1"))
    assert (old.id, old.task, old.args, old.kwargs) == (new.id, new.task, new.args, new.kwargs)
    assert not any(old.embed.get(part) for part in ("callbacks", "errbacks", "chain", "chord"))
    assert not any(old.headers.get(part) for part in ("eta", "expires", "group"))


@pytest.mark.parametrize("name", CLIENTS)
def test_of_two_fields_with_one_name_the_last_counts_in_either_protocol(name: str) -> None:
    body = b'{"task": "a.task", "id": "c-1", "id": "c-2", "kwargs": {"a": 1, "a": 2}}'
    message = json.loads(CLIENTS[name]("a.task", {}, "c-1"))
    plain = "body_encoding" not in message["properties"]
    result = read(json.dumps({**message, "body": body.decode() if plain else encode_body(body)}).encode())
    assert (result.id, result.kwargs) == ("c-2", {"a": 2})


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    assert isinstance(parse_envelope(raw, LIMITS), Unreadable)
    with pytest.raises(BrokenElement):
        read_element(raw, strict=False)


@given(elements())
def test_what_is_read_for_a_task_is_read_alike_for_a_dead_letter(raw: bytes) -> None:
    result = parse_envelope(raw, LIMITS)
    if isinstance(result, Unreadable):
        return
    found = read_element(raw, strict=False)
    # NaN is not equal to itself.
    assert repr(found.headers) == repr(result.headers)
    if result.refusal is None:
        assert found.arguments() == (result.args, result.kwargs, result.embed)
