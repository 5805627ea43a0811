"""Asks many questions at once, and yields the outcomes as they come."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from contracts._client.answers import Answer, Answers
from contracts._client.command import Command, distinct, id_used_twice, read_ahead, read_commands
from contracts._client.outcome import BatchOutcome
from contracts._client.sender import Sender
from contracts._client.unanswered import AskTimeout, RedisUnavailable
from contracts.errors import InvalidParameter


class ManyQuestions:
    """One call of ``PluginClient.ask_many``.

    ``window``: the most commands whose answers are waited for.
    """

    def __init__(self, sender: Sender, answers: Answers, window: int) -> None:
        if window < 1:
            raise ValueError(f"window must be at least 1, not {window}")
        self._sender = sender
        self._answers = answers
        self._window = window

    def ask(self, commands: Iterable[Mapping[str, Any]]) -> Iterator[BatchOutcome]:
        """Check the commands of a sequence now, and return the iterator that sends."""
        read = read_commands(commands)
        # An iterable without an end must not make a set without an end.
        return self._ask(read_ahead(commands, distinct(read) if isinstance(commands, Sequence) else read))

    def _ask(self, commands: Iterable[Command]) -> Iterator[BatchOutcome]:
        unread = iter(commands)
        try:
            for command in unread:
                yield from self._add(command)
                while len(self._answers) >= self._window:
                    yield from map(_outcome, self._answers.wait())
            self._flush()
            while len(self._answers):
                yield from map(_outcome, self._answers.wait())
        except (AskTimeout, RedisUnavailable) as error:
            unsent = [command.id for command in unread] if isinstance(commands, list) else []
            error.ids = tuple(dict.fromkeys([*self._answers, *self._sender.waiting, *unsent]))
            raise

    def _add(self, command: Command) -> Iterator[BatchOutcome]:
        """Send a command, perhaps with the next ones; yield what has come."""
        try:
            command.check()
        except InvalidParameter as refusal:
            yield BatchOutcome(command.id, None, refusal)
            return
        if command.id in self._answers or command.id in self._sender.waiting:
            raise id_used_twice(command.id)
        self._sender.add(command)
        if self._sender.is_due or len(self._sender.waiting) + len(self._answers) >= self._window:
            self._flush()
            yield from map(_outcome, self._answers.poll())

    def _flush(self) -> None:
        self._answers.expect(self._sender.waiting.values())
        self._sender.flush()


def _outcome(answer: Answer) -> BatchOutcome:
    return BatchOutcome(answer.id, answer.result, answer.error)
