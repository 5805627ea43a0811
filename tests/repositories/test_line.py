"""An answer is looked at before it is decoded."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from celery.backends.base import compress_payload

from contracts._client.decode import MAX_MESSAGE_BYTES
from contracts.client import UnreadableAnswer
from contracts.values import MAX_ANSWER_BYTES
from tests.support.impostor import Impostor, meta
from worker.repositories.remote.line import Line


@pytest.fixture
def theirs(redis_url: str) -> Iterator[Impostor]:
    thread = Impostor(redis_url)
    thread.start()
    yield thread
    thread.ending.set()
    thread.join()
    thread.client.close()


def ask(url: str) -> Any:
    line = Line(url, None, 30.0)
    try:
        return line.ask("list", timeout_s=30.0, expires_s=60.0, domain_id="market")
    finally:
        line.close()


def test_an_answer_as_large_as_ours_may_be(redis_url: str, theirs: Impostor) -> None:
    theirs.answer = meta(result="x" * MAX_ANSWER_BYTES)
    assert len(ask(redis_url)) == MAX_ANSWER_BYTES


def test_a_larger_message_is_not_decoded(redis_url: str, theirs: Impostor) -> None:
    theirs.answer = meta(result="x" * MAX_MESSAGE_BYTES)
    with pytest.raises(UnreadableAnswer):
        ask(redis_url)


def test_a_compressed_message_is_not_decoded(redis_url: str, theirs: Impostor) -> None:
    """All of a large answer in a few bytes."""
    large = meta(result="x" * MAX_MESSAGE_BYTES)
    theirs.answer = lambda headers: compress_payload(large(headers), "gzip")
    assert len(theirs.answer({"id": "1"})) < 100_000
    with pytest.raises(UnreadableAnswer):
        ask(redis_url)


def test_a_list_is_no_message(redis_url: str, theirs: Impostor) -> None:
    theirs.answer = lambda headers: json.dumps([[]]).encode()
    with pytest.raises(UnreadableAnswer):
        ask(redis_url)
