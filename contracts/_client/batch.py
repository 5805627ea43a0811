"""Applies many writes as batches."""

from collections.abc import Iterable, Iterator, Mapping
from os.path import commonprefix
from typing import Any
from uuid import uuid4

from contracts._client.answers import Answer, Answers
from contracts._client.command import Command, read_ahead, read_items
from contracts._client.frames import MAX_FRAME_BYTES, Frame, fill_frames, frames_of, too_large
from contracts._client.outcome import BatchOutcome
from contracts._client.sender import Sender
from contracts._client.unanswered import AskTimeout, RedisUnavailable
from contracts.values import is_command_id


class Batches:
    """One call of ``PluginClient.batch``.

    ``flush_s``: how old a batch of an iterable that is not a sequence may become, in seconds.

    Raises: ``ValueError`` for a ``flush_s`` below 0.
    """

    def __init__(self, sender: Sender, answers: Answers, flush_s: float) -> None:
        if not flush_s >= 0:
            raise ValueError(f"flush_s must be at least 0, not {flush_s}")
        self._sender = sender
        self._answers = answers
        self._flush_s = flush_s
        self._ids: list[str] = []
        self._sent: dict[str, list[str]] = {}
        self._outcomes: dict[str, BatchOutcome] = {}

    def apply(self, commands: Iterable[Mapping[str, Any]], partitions: int) -> list[BatchOutcome]:
        """Send each batch as soon as it is due, and return all outcomes in the order given."""
        items = read_ahead(commands, self._reading(read_items(commands)))
        if isinstance(items, list):
            frames: Iterable[Frame] = frames_of(items, partitions)
        else:
            frames = fill_frames(items, partitions, self._flush_s)
        try:
            for frame in frames:
                self._send(frame)
                self._collect(self._answers.poll())
            while len(self._answers):
                self._collect(self._answers.wait())
        except (AskTimeout, RedisUnavailable) as error:
            error.ids = tuple(self._ids)
            raise
        return [self._outcomes[command_id] for command_id in self._ids]

    def _reading(self, items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for item in items:
            self._ids.append(item["id"])
            yield item

    def _send(self, frame: Frame) -> None:
        if frame.size > MAX_FRAME_BYTES:
            self._keep(BatchOutcome.of(row) for row in too_large(frame))
            return
        ids = [item["id"] for item in frame.items]
        command = Command(_batch_id(ids), "plugin.batch", {"commands": frame.items})
        self._sent[command.id] = ids
        self._answers.expect([command])
        self._sender.add(command)
        self._sender.flush()

    def _collect(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            ids = self._sent.pop(answer.id)
            if answer.error:
                self._keep(BatchOutcome(command_id, None, answer.error) for command_id in ids)
            else:
                self._keep(BatchOutcome.of(row) for row in answer.result)

    def _keep(self, outcomes: Iterable[BatchOutcome]) -> None:
        self._outcomes.update((outcome.id, outcome) for outcome in outcomes)


def _batch_id(ids: list[str]) -> str:
    """Return a new id for a batch. It begins as all of ``ids`` do, up to a dot: a narrow publisher may read
    no other answer.
    """
    prefix, dot, _ = commonprefix(ids).rpartition(".")  # noqa: RUF071  # ids are no paths
    made = f"{prefix}{dot}{uuid4()}"
    return made if is_command_id(made) else str(uuid4())
