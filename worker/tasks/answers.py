"""What a group tells: its events, then its answers, in one round trip where one Redis holds both."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from importlib.resources import files
from typing import Any

import redis

from contracts._redis.outage import translate_outage
from contracts.errors import ContractError, Unavailable
from worker.domain.events import Subject
from worker.events.publish import Publisher
from worker.events.rejections import Refusal, Rejections

KEPT_S = 3600
"""How long an answer is kept, in seconds."""

_KEY = "celery-task-meta-"
_SCRIPT = (files("worker.tasks") / "answers.lua").read_text("utf-8")
_DIGEST = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_AT_ONCE = 500


class AnswersUnavailable(Unavailable):
    """Raised when the Redis of the answers does not take them. It is never answered: a write waits."""

    code = "STORE_UNAVAILABLE"


ANSWERS_AWAY = "the Redis of the answers does not answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a message, as Celery's Redis backend stores it."""

    command_id: str
    body: str

    @classmethod
    def success(cls, command_id: str, result: str) -> "Answer":
        """Return the answer of a message with a result, which is JSON."""
        return cls._of(command_id, "SUCCESS", result)

    @classmethod
    def failure(cls, command_id: str, error: ContractError) -> "Answer":
        """Return the answer of a message that ended with an error of the contract."""
        kind = type(error)
        told = {"exc_type": kind.__name__, "exc_message": error.args, "exc_module": kind.__module__}
        return cls._of(command_id, "FAILURE", json.dumps(told))

    @classmethod
    def _of(cls, command_id: str, status: str, result: str) -> "Answer":
        done = datetime.now(UTC).isoformat()
        return cls(
            command_id,
            f'{{"status":"{status}","result":{result},"traceback":null,"children":[],"date_done":"{done}",'
            f'"task_id":{json.dumps(command_id)}}}',
        )


class Announcer:
    """Tells the world what became of commands.

    ``events``: a redis-py client of the events; ``answers``: the same one where the answers are in that
    Redis, else another.
    """

    def __init__(self, events: Any, answers: Any, publisher: Publisher, rejections: Rejections) -> None:
        self._events = events
        self._answers = answers
        self._publisher = publisher
        self._rejections = rejections

    def send(
        self, subjects: Sequence[Subject], answers: Sequence[Answer], refusals: Sequence[Refusal]
    ) -> None:
        """Publish events, then store answers, then tell refusals, by best effort. May be called again.

        Raises: ``EventsUnavailable``, ``AnswersUnavailable``: what was not told must be told again.
        """
        if self._answers is not self._events:
            if subjects:
                self._publisher.publish_many(subjects)
            self._rejections.publish_all(refusals)
            self._store(answers)
            return
        with self._events.pipeline(transaction=False) as pipe:
            events = self._publisher.queue(pipe, subjects)
            chunks = _queue(pipe, answers)
            stored = events + len(chunks)
            self._rejections.queue(pipe, refusals)
            with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                replies = pipe.execute(raise_on_error=False)
        self._rejections.collect(replies[stored:])
        # The events first: an answer must not be settled while its event is not out.
        self._publisher.collect(subjects, replies[:events])
        self._collect(chunks, replies[events:stored])

    def _store(self, answers: Sequence[Answer]) -> None:
        with self._answers.pipeline(transaction=False) as pipe:
            chunks = _queue(pipe, answers)
            with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                replies = pipe.execute(raise_on_error=False) if chunks else []
        self._collect(chunks, replies)

    def _collect(self, chunks: Sequence[Sequence[Answer]], replies: Sequence[Any]) -> None:
        """Look at each reply: a pipeline goes on behind a command that failed."""
        with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
            for chunk, reply in zip(chunks, replies, strict=True):
                if isinstance(reply, redis.exceptions.NoScriptError):
                    self._answers.eval(_SCRIPT, *_arguments(chunk))
                elif isinstance(reply, Exception):
                    raise reply


def store_answer(client: Any, key: str, body: str | bytes, kept_s: int) -> None:
    """Store one answer under ``key``, and tell who waits for it.

    ``client``: a redis-py client. Raises redis-py's errors.
    """
    arguments = (1, key, kept_s, body)
    try:
        client.execute_command("EVALSHA", _DIGEST, *arguments)
    except redis.exceptions.NoScriptError:
        client.execute_command("EVAL", _SCRIPT, *arguments)


def _queue(pipe: Any, answers: Sequence[Answer]) -> list[Sequence[Answer]]:
    chunks = [answers[at : at + _AT_ONCE] for at in range(0, len(answers), _AT_ONCE)]
    for chunk in chunks:
        pipe.execute_command("EVALSHA", _DIGEST, *_arguments(chunk))
    return chunks


def _arguments(answers: Sequence[Answer]) -> list[str | int]:
    keys = [_KEY + answer.command_id for answer in answers]
    return [len(keys), *keys, KEPT_S, *(answer.body for answer in answers)]
