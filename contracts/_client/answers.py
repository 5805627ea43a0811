"""The answers to many commands: finds them as they come, and forgets them once they are read.

They are asked for again and again, many with one command of Redis. That is cheaper than Celery's subscription
to each of them (of this process's time, 4 µs for an answer and 1.3 µs for one that is not there yet, against
40 µs), and no answer can be missed.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from celery import states

from contracts._client.answer import redis_errors
from contracts._client.command import Command
from contracts._client.decode import read_answer, unreadable
from contracts._client.unanswered import AskTimeout, UnreadableAnswer
from contracts._redis.patience import within
from contracts._redis.url import LATE_S, SEND_S
from contracts.errors import ContractError

_SLICE: Final = 250
"""The most answers that are in memory at once."""

_MIN_PAUSE_S: Final = 0.001
_MAX_PAUSE_S: Final = 0.05
_PAUSE_OF_ONE_S: Final = 20e-6
"""What each answer that is waited for adds to the shortest pause: asking takes a tenth of the time."""
_PAUSE_SHARE: Final = 1 / 16
"""The longest pause, as a part of the time without an answer: so much later an answer is found at most."""


class Answer(NamedTuple):
    """The answer to one command: its result, or its error."""

    id: str
    result: Any
    error: ContractError | None


class _Wait(NamedTuple):
    """``since``: when the command was sent, in monotonic seconds. ``answer_id``: that of the command."""

    since: float
    answer_id: str


class Answers:
    """The answers of one call.

    ``backend``: Celery's Redis backend. ``timeout_s``: how long to wait for each.
    """

    def __init__(self, backend: Any, timeout_s: float) -> None:
        self._backend = backend
        self._timeout_s = timeout_s
        self._waits: dict[str, _Wait] = {}
        self._stirred_at = time.monotonic()

    def __len__(self) -> int:
        """Return how many are waited for."""
        return len(self._waits)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids of the commands whose answers are waited for, the oldest first."""
        return iter(self._waits)

    def __contains__(self, command_id: object) -> bool:
        return command_id in self._waits

    def expect(self, commands: Iterable[Command]) -> None:
        """Wait for the answers to ``commands``, which are about to be sent."""
        self._stirred_at = now = time.monotonic()
        for command in commands:
            self._waits[command.id] = _Wait(now, command.answer_id)

    def poll(self) -> Iterator[Answer]:
        """Yield the answers that have come.

        Raises: ``RedisUnavailable``.
        """
        ids = iter(list(self._waits))
        while some := list(islice(ids, _SLICE)):
            yield from self._take(some)

    def wait(self) -> Iterator[Answer]:
        """Yield the answers that come next, one at least.

        Raises: ``AskTimeout``, ``RedisUnavailable``.
        """
        came = False
        while self._waits and not came:
            asked_at = time.monotonic()
            for answer in self.poll():
                came = True
                yield answer
            if not came:
                self._check_timeout(asked_at)
                time.sleep(self._pause_s())

    def _take(self, ids: list[str]) -> list[Answer]:
        keys = [self._backend.get_key_for_task(self._waits[command_id].answer_id) for command_id in ids]
        with redis_errors(), within(self._patience_s()):
            found = self._backend.ensure(self._backend.client.mget, (keys,))
        answers = []
        read = []
        for command_id, key, kept in zip(ids, keys, found, strict=True):
            if kept is None or (answer := self._decode(command_id, kept)) is None:
                continue
            answers.append(answer)
            read.append(key)
        if read:
            with redis_errors(), within(self._patience_s()):
                self._backend.ensure(self._backend.client.delete, read)
        for answer in answers:
            del self._waits[answer.id]
            self._stirred_at = time.monotonic()
        return answers

    def _decode(self, command_id: str, kept: bytes) -> Answer | None:
        """Return the answer that was stored; None while the command is not answered."""
        try:
            told = read_answer(kept)
            if told["status"] not in states.READY_STATES:
                return None
            if told["task_id"] != self._waits[command_id].answer_id:
                raise unreadable("it is of another command")
        except UnreadableAnswer as error:
            return Answer(command_id, None, error)
        result = told["result"]
        if isinstance(result, ContractError):
            return Answer(command_id, None, result)
        return Answer(command_id, result, None)

    def _check_timeout(self, asked_at: float) -> None:
        # The first is the one that was sent first. An answer that came in time has been found by now.
        command_id, oldest = next(iter(self._waits.items()))
        if asked_at >= oldest.since + self._timeout_s:
            raise AskTimeout(command_id, self._timeout_s)

    def _patience_s(self) -> float:
        """Return how long Redis may take: until the first timeout, and ``LATE_S``."""
        oldest = next(iter(self._waits.values()))
        left_s = oldest.since + self._timeout_s - time.monotonic()
        return min(max(0.0, left_s) + LATE_S, SEND_S)

    def _pause_s(self) -> float:
        quiet_s = time.monotonic() - self._stirred_at
        shortest = _MIN_PAUSE_S + len(self._waits) * _PAUSE_OF_ONE_S
        return min(max(shortest, quiet_s * _PAUSE_SHARE), _MAX_PAUSE_S)
