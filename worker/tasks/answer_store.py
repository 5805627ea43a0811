"""Stores answers, and tells those who wait for them."""

import threading
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, Final, Self

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from worker.lua import Call, Script, is_forgotten, run_script
from worker.services import Services
from worker.tasks.answers import Answer
from worker.transport.state import stop_requested

KEPT_S: Final = 3600
"""How long an answer is kept, in seconds."""

LARGE_KEPT_S: Final = 120
"""How long a large answer is kept, in seconds."""

DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024
"""The most bytes of all counted answers, where neither a setting nor the ``maxmemory`` of Redis says it."""

COUNTED_ANSWERS: Final = "plugin.answers:large"
"""The key of the list of counted answers."""

ANSWERS_AWAY: Final = "the Redis of the answers does not answer"

_KEY: Final = "celery-task-meta-"
_AT_ONCE: Final = 250
"""How many answers one call of the script stores: while it runs, Redis serves nobody else."""

_TOGETHER: Final = 16 * 1024 * 1024
"""How many characters the counted answers of one round trip have together; more are stored alone."""

_LOOK_S: Final = 0.5
"""How often an answer that waits for others looks whether the process is to end, in seconds."""

# While it stores an answer, Redis holds three more copies of it: in its input, in the script, and to publish.
_one_at_a_time = threading.Lock()


class AnswersUnavailable(Unavailable):
    """Raised when the Redis of the answers does not take them. It is never answered: a message waits."""

    code = "STORE_UNAVAILABLE"


_SMALL: Final = Script.load(files(__package__), "answers")
_COUNTED: Final = Script.load(files(__package__), "counted_answer")


class AnswerStore:
    """Stores the answers of one process. Nothing that is stored already is read.

    ``client``: a redis-py client of the answers.
    ``max_bytes``: the most bytes of all counted answers together; None: an eighth of the ``maxmemory`` of
    Redis, or ``DEFAULT_MAX_BYTES``. One answer always fits.
    """

    def __init__(self, client: Any, max_bytes: int | None = None) -> None:
        self.client = client
        self._max_bytes = "" if max_bytes is None else max_bytes

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
        if not answer.is_alone:
            self._run(self._call(answer))
            return
        while not _one_at_a_time.acquire(timeout=_LOOK_S):
            if stop_requested.is_set():
                raise AnswersUnavailable("the process ends, and others are stored first")
        try:
            self._run(self._call(answer))
        finally:
            _one_at_a_time.release()

    def store_all(self, answers: Sequence[Answer]) -> None:
        """Store answers as ``store`` does, those that are not stored alone in one round trip.

        Raises: ``AnswersUnavailable``.
        """
        with self.client.pipeline(transaction=False) as pipe:
            if calls := self.queue(pipe, answers):
                with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                    replies = pipe.execute(raise_on_error=False)
                self.collect(calls, replies)
        self.store_alone(answers)

    def store_alone(self, answers: Sequence[Answer]) -> None:
        """Store those of the answers that are stored alone, one after the other.

        Raises: ``AnswersUnavailable``.
        """
        for answer in _counted(answers)[1]:
            self.store(answer)

    def queue(self, pipe: Any, answers: Sequence[Answer]) -> list[Call]:
        """Add the storing of those of the answers that are not stored alone to a pipeline without a
        transaction.

        Returns the queued calls: give them to ``collect``, with the replies.
        """
        small = [answer for answer in answers if not answer.is_counted]
        calls = [_small(chunk) for chunk in _chunks(small)]
        calls += map(self._call, _counted(answers)[0])
        for call in calls:
            call.queue(pipe)
        return calls

    def collect(self, calls: Sequence[Call], replies: Sequence[Any]) -> None:
        """Look at the reply to each queued call: a pipeline goes on behind one that failed.

        Raises: ``AnswersUnavailable``.
        """
        with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
            for call, reply in zip(calls, replies, strict=True):
                if is_forgotten(reply):
                    run_script(self.client, call)
                elif isinstance(reply, Exception):
                    raise reply

    def _run(self, call: Call) -> None:
        with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
            run_script(self.client, call)

    def _call(self, answer: Answer) -> Call:
        if not answer.is_counted:
            return _small([answer])
        kept_s = LARGE_KEPT_S if answer.is_large else KEPT_S
        limits = (kept_s, KEPT_S, self._max_bytes, DEFAULT_MAX_BYTES)
        return Call(_COUNTED, [COUNTED_ANSWERS, _KEY + answer.id], [*limits, answer.body])


def _chunks(answers: Sequence[Answer]) -> Iterator[Sequence[Answer]]:
    for at in range(0, len(answers), _AT_ONCE):
        yield answers[at : at + _AT_ONCE]


def _counted(answers: Sequence[Answer]) -> tuple[list[Answer], list[Answer]]:
    """Return the counted ones of the answers: those that are stored in one round trip, and those that are
    stored alone.
    """
    together: list[Answer] = []
    alone: list[Answer] = []
    size = 0
    for answer in answers:
        if not answer.is_counted:
            continue
        if answer.is_alone or size + len(answer.body) > _TOGETHER:
            alone.append(answer)
        else:
            size += len(answer.body)
            together.append(answer)
    return together, alone


def _small(answers: Sequence[Answer]) -> Call:
    keys = [_KEY + answer.id for answer in answers]
    return Call(_SMALL, keys, [KEPT_S, *(answer.body for answer in answers)])
