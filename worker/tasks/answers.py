"""The answers to messages, as Celery's Redis backend stores them."""

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

KEPT_S = 3600
"""How long an answer is kept, in seconds."""

_KEY = "celery-task-meta-"
_SCRIPT = (files("worker.tasks") / "answers.lua").read_text("utf-8")
_DIGEST = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_AT_ONCE = 500
"""How many answers one call of the script stores: while it runs, Redis serves nobody else."""


class AnswersUnavailable(Unavailable):
    """Raised when the Redis of the answers does not take them. It is never answered: a message waits."""

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


def store_answers(client: Any, answers: Sequence[Answer]) -> None:
    """Store answers, in one round trip, and tell those who wait for them. May be called again.

    ``client``: a redis-py client. Raises ``AnswersUnavailable``.
    """
    if not answers:
        return
    with client.pipeline(transaction=False) as pipe:
        chunks = queue_answers(pipe, answers)
        with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
            replies = pipe.execute(raise_on_error=False)
    collect_answers(client, chunks, replies)


def store_answer(client: Any, answer: Answer) -> None:
    """Store one answer, as ``store_answers`` does."""
    arguments = _arguments([answer])
    with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
        try:
            client.execute_command("EVALSHA", _DIGEST, *arguments)
        except redis.exceptions.NoScriptError:
            client.execute_command("EVAL", _SCRIPT, *arguments)


def queue_answers(pipe: Any, answers: Sequence[Answer]) -> list[Sequence[Answer]]:
    """Add the storing of answers to a pipeline without a transaction.

    Returns the answers of each queued command: give them to ``collect_answers``, with the replies.
    """
    chunks = [answers[at : at + _AT_ONCE] for at in range(0, len(answers), _AT_ONCE)]
    for chunk in chunks:
        pipe.execute_command("EVALSHA", _DIGEST, *_arguments(chunk))
    return chunks


def collect_answers(client: Any, chunks: Sequence[Sequence[Answer]], replies: Sequence[Any]) -> None:
    """Look at the reply to each queued command: a pipeline goes on behind one that failed.

    Raises: ``AnswersUnavailable``.
    """
    with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
        for chunk, reply in zip(chunks, replies, strict=True):
            if isinstance(reply, redis.exceptions.NoScriptError):
                client.eval(_SCRIPT, *_arguments(chunk))
            elif isinstance(reply, Exception):
                raise reply


def _arguments(answers: Sequence[Answer]) -> list[str | int]:
    keys = [_KEY + answer.command_id for answer in answers]
    return [len(keys), *keys, KEPT_S, *(answer.body for answer in answers)]
