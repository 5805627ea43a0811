"""The messages of remote control: what is read, and where an answer may go."""

import json
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from tests.support.control import MALFORMED, REPLIES, answer_in, asking, control_message, wrapped
from worker.process.mailbox import MAX_BYTES, Question, read_question, reply_list, reply_message

ME = str(uuid4())


def test_a_question_is_read() -> None:
    waiting = asking(ME)
    raw = control_message("query_task", {"ids": ["a"]}, destination=["w@host"], **waiting)
    assert read_question(raw) == Question(
        "query_task", {"ids": ["a"]}, ("w@host",), "", ME, waiting["ticket"]
    )
    assert read_question(control_message("ping")) == Question("ping", {}, (), "", None, None)
    assert read_question(control_message("ping", pattern="*", matcher="glob")) == Question(
        "ping", {}, (), "*", None, None
    )


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=list(MALFORMED))
def test_whatever_is_sent_is_read_or_not_and_never_raises(raw: bytes) -> None:
    assert read_question(raw) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
BODIES = st.fixed_dictionaries(
    {"method": st.text() | JSON},
    optional=dict.fromkeys(("arguments", "destination", "pattern", "reply_to", "ticket"), JSON),
)


@given(st.binary() | JSON.map(json.dumps).map(str.encode) | BODIES.map(json.dumps).map(str.encode))
def test_whatever_is_made_up_goes_nowhere(body: bytes) -> None:
    assert read_question(body) is None
    read = read_question(wrapped(body))
    assert read is None or read.reply_to is None


def test_what_is_large_is_not_even_looked_at() -> None:
    raw = control_message("ping")
    assert read_question(raw + b" " * (MAX_BYTES - len(raw))) is not None
    assert read_question(raw + b" " * (MAX_BYTES - len(raw) + 1)) is None


ELSEWHERE: list[dict[str, Any]] = [
    asking("plugin.commands"),
    asking("plugin.commands", ""),
    asking("victim", "celery.pidbox"),
    asking(ME, ""),
    asking(ME, "plugin.commands"),
    asking(ME, "reply.other.pidbox"),
    asking(f"{ME}.reply.celery.pidbox"),
    asking(f"x{ME}"),
    asking(f"{ME}\n"),
    asking(ME.upper()),
    asking(""),
    asking(None),
    asking([ME]),
    {"reply_to": {"routing_key": ME}, "ticket": ME},
    asking(ME) | {"ticket": "x" * 1_000},
    asking(ME) | {"ticket": {"a": 1}},
]


@pytest.mark.parametrize("waiting", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_no_answer_goes_to_a_list_that_is_not_kombus(waiting: dict[str, Any]) -> None:
    assert read_question(control_message("ping", **waiting)) is None


def test_the_names_are_those_of_kombu() -> None:
    with Celery(broker="memory://", set_as_current=False) as app:
        mailbox = app.control.mailbox
        assert mailbox.reply_exchange.name == REPLIES
        assert reply_list(mailbox.oid) == mailbox.reply_queue.name
        read = read_question(control_message("ping", **asking(mailbox.oid)))
    assert read is not None and read.reply_to == mailbox.oid


def test_an_answer_bears_the_ticket_of_its_question() -> None:
    raw = reply_message("w@host", {"ok": "pong"}, ME, "t")
    assert answer_in(raw) == {"w@host": {"ok": "pong"}}
    assert b'"ticket": "t"' in raw
