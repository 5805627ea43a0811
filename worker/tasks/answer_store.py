"""Stores answers, and tells those who wait for them."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final, Self

import redis

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from worker.services import Services
from worker.tasks.answers import Answer
from worker.transport.state import stop_requested

KEPT_S: Final = 3600
"""How long an answer is kept, in seconds."""

LARGE_KEPT_S: Final = 120
"""How long a large answer is kept, in seconds."""

LARGE_MAX_BYTES: Final = 256 * 1024 * 1024
"""The most bytes of all large answers, where neither a setting nor the ``maxmemory`` of Redis says it."""

LEDGER: Final = "plugin.answers:large"
"""The key of the list of large answers."""

ANSWERS_AWAY: Final = "the Redis of the answers does not answer"

_KEY: Final = "celery-task-meta-"
_AT_ONCE: Final = 500
_AT_ONCE_LENGTH: Final = 1024 * 1024
"""How many answers one call of the script stores, and how many characters they have together, but for the
last one: while it runs, Redis serves nobody else.
"""

_LOOK_S: Final = 0.5
"""How often a large answer that waits for others looks whether the process is to end, in seconds."""

# While it stores an answer, Redis holds three more copies of it: in its input, in the script, and to publish.
_one_at_a_time = threading.Lock()


class AnswersUnavailable(Unavailable):
    """Raised when the Redis of the answers does not take them. It is never answered: a message waits."""

    code = "STORE_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class _Script:
    text: str
    digest: str

    @classmethod
    def load(cls, name: str) -> Self:
        text = (files("worker.tasks") / name).read_text("utf-8")
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())

    def run(self, client: Any, arguments: Sequence[str | int]) -> None:
        try:
            client.execute_command("EVALSHA", self.digest, *arguments)
        except redis.exceptions.NoScriptError:
            client.execute_command("EVAL", self.text, *arguments)


_SMALL: Final = _Script.load("answers.lua")
_LARGE: Final = _Script.load("large_answer.lua")


class AnswerStore:
    """Stores the answers of one process. Nothing that is stored already is read.

    ``client``: a redis-py client of the answers.
    ``large_max_bytes``: the most bytes of all large answers together; None: an eighth of the ``maxmemory`` of
    Redis, or ``LARGE_MAX_BYTES``. One large answer always fits.
    """

    def __init__(self, client: Any, large_max_bytes: int | None = None) -> None:
        self.client = client
        self._large_max_bytes = "" if large_max_bytes is None else large_max_bytes

    @classmethod
    def of(cls, services: Services) -> Self:
        """Return the store of a process."""
        return cls(services.results, services.settings.answers_max_bytes)

    @classmethod
    def best_effort(cls, services: Services) -> Self:
        """Return one that does not try again."""
        return cls(services.best_effort_results, services.settings.answers_max_bytes)

    def store(self, answer: Answer) -> None:
        """Store one answer, and tell those who wait for it. May be called again.

        Raises: ``AnswersUnavailable``.
        """
        if not answer.is_large:
            with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                _SMALL.run(self.client, _arguments([answer]))
            return
        while not _one_at_a_time.acquire(timeout=_LOOK_S):
            if stop_requested.is_set():
                raise AnswersUnavailable("the process ends, and others are stored first")
        try:
            with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                limits = (LARGE_KEPT_S, self._large_max_bytes, LARGE_MAX_BYTES)
                _LARGE.run(self.client, [2, LEDGER, _KEY + answer.id, *limits, answer.body])
        finally:
            _one_at_a_time.release()

    def store_all(self, answers: Sequence[Answer]) -> None:
        """Store answers as ``store`` does, the small ones in one round trip.

        Raises: ``AnswersUnavailable``.
        """
        with self.client.pipeline(transaction=False) as pipe:
            if chunks := self.queue(pipe, answers):
                with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                    replies = pipe.execute(raise_on_error=False)
                self.collect(chunks, replies)
        self.store_large(answers)

    def store_large(self, answers: Sequence[Answer]) -> None:
        """Store those of the answers that are large, one after the other.

        Raises: ``AnswersUnavailable``.
        """
        for answer in answers:
            if answer.is_large:
                self.store(answer)

    def queue(self, pipe: Any, answers: Sequence[Answer]) -> list[Sequence[Answer]]:
        """Add the storing of those of the answers that are not large to a pipeline without a transaction.

        Returns the answers of each queued command: give them to ``collect``, with the replies.
        """
        chunks = list(_chunks([answer for answer in answers if not answer.is_large]))
        for chunk in chunks:
            pipe.execute_command("EVALSHA", _SMALL.digest, *_arguments(chunk))
        return chunks

    def collect(self, chunks: Sequence[Sequence[Answer]], replies: Sequence[Any]) -> None:
        """Look at the reply to each queued command: a pipeline goes on behind one that failed.

        Raises: ``AnswersUnavailable``.
        """
        with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
            for chunk, reply in zip(chunks, replies, strict=True):
                if isinstance(reply, redis.exceptions.NoScriptError):
                    self.client.eval(_SMALL.text, *_arguments(chunk))
                elif isinstance(reply, Exception):
                    raise reply


def _chunks(answers: Sequence[Answer]) -> Iterator[Sequence[Answer]]:
    chunk: list[Answer] = []
    length = 0
    for answer in answers:
        chunk.append(answer)
        length += len(answer.body)
        if len(chunk) == _AT_ONCE or length >= _AT_ONCE_LENGTH:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk


def _arguments(answers: Sequence[Answer]) -> list[str | int]:
    keys = [_KEY + answer.id for answer in answers]
    return [len(keys), *keys, KEPT_S, *(answer.body for answer in answers)]
