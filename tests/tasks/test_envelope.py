"""What a message may not say, and the sentence that its sender reads."""

from dataclasses import replace
from typing import Any

import pytest
from celery import signature

from contracts.errors import InvalidParameter
from tests.support.messages import celery_message
from tests.transport.poison_shapes import SHAPES
from worker.tasks.envelope import check_message
from worker.transport.protocol import Envelope, MessageLimits, parse_envelope

KWARGS = {"domain_id": "d-1", "plugin_id": "jira"}
LINK = signature("plugin.get")
BAD_ID = "a command id has 1 to 128 printable ASCII characters"
EITHER: list[tuple[dict[str, Any], str, str]] = [
    ({"args": [1]}, "args", "positional arguments are not supported; send keyword arguments"),
    ({"countdown": 60}, "eta", "ETA and countdown are not supported"),
    ({"eta": "2001-01-01T00:00:00"}, "eta", "ETA and countdown are not supported"),
    ({"group_id": "g"}, "group", "Celery groups are not supported; send a plugin.batch"),
    ({"link": LINK}, "callbacks", "callbacks are not supported"),
    ({"link_error": LINK}, "errbacks", "callbacks are not supported"),
    ({"chord": LINK}, "chord", "chords are not supported"),
    ({"task_id": "x" * 129}, "id", BAD_ID),
    ({"task_id": "é"}, "id", BAD_ID),
]
"""Options of ``send_task``, the path that is refused, and the sentence."""
ONLY_2: list[tuple[dict[str, Any], str, str]] = [
    ({"chain": [LINK]}, "chain", "chains are not supported"),
    ({"stamped_headers": ["tenant"], "tenant": "a"}, "stamps", "stamps are not supported"),
    (
        {"stamped_headers": ["tenant"], "tenant": "a", "headers": {"stamps": {}}},
        "stamped_headers",
        "stamps are not supported",
    ),
]
"""What Celery puts into no message of protocol 1."""


def envelope(protocol: int = 2, **options: Any) -> Envelope:
    sent = celery_message("plugin.enable", KWARGS, protocol=protocol, **{"task_id": "c-1", **options})
    read = parse_envelope(sent, MessageLimits())
    assert isinstance(read, Envelope)
    return read


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_plain_message_is_let_through(protocol: int) -> None:
    headers = {"authorization": "Bearer x", "callbacks": "a header of the sender's own"}
    check_message(envelope(protocol, expires=60, priority=3, headers=headers))


@pytest.mark.parametrize(
    ("protocol", "options", "path", "sentence"),
    [(protocol, *row) for protocol in (1, 2) for row in EITHER] + [(2, *row) for row in ONLY_2],
)
def test_what_a_message_may_not_say_is_refused_in_a_sentence(
    protocol: int, options: dict[str, Any], path: str, sentence: str
) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        check_message(envelope(protocol, **options))
    assert refusal.value.message == sentence
    assert refusal.value.details == {"path": path}


@pytest.mark.parametrize("name", [name for name, (_, (fate, _)) in SHAPES.items() if fate == "refused"])
def test_what_could_be_read_only_in_part_is_refused_by_its_reason(name: str) -> None:
    raw, (_, reason) = SHAPES[name]
    read = parse_envelope(raw, MessageLimits(max_bytes=64 * 1024))
    assert isinstance(read, Envelope) and read.refusal is not None
    # Nothing else that is wrong with it stands in front of it.
    with pytest.raises(InvalidParameter) as refusal:
        check_message(replace(read, id="x" * 129))
    assert refusal.value.message == read.refusal.message
    assert refusal.value.details == {"path": read.refusal.path, "reason": reason}
