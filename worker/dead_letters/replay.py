"""Replay: send a dead letter again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from contracts._client.frames import Frame, frames_of
from contracts.catalog import BY_TASK
from contracts.commands import PluginBatch
from contracts.errors import Refused
from contracts.parse import parse
from contracts.partition import COMMANDS, queue_of
from worker.dead_letters.message import Reading, read_message, with_headers
from worker.domain.clock import Clock
from worker.domain.dead_letter import DeadLetter
from worker.domain.record import MAX_APPLIED
from worker.store.dead_letters import DeadLetters
from worker.store.plugins import Plugins
from worker.transport.encode import with_arguments

Objection = Literal["gone", "changed", "cut", "unreadable", "revision_moved", "expired", "token_removed"]
"""Why a letter is not replayed. ``cut``: only its beginning was kept. ``revision_moved``: its plugin has had
more changes since than it remembers command ids, so the command could take effect twice.
"""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay.

    ``queue``: where the message was sent; several queues, separated by commas, for the parts of a batch.
    ``objection``: why it was not sent.
    """

    id: str
    queue: str | None = None
    objection: Objection | None = None


class Replay:
    """Sends letters again, to the end of the queue that they belong on, with their own command ids.

    ``push``: adds a message to a queue. ``partitions``: the number of partitions in force.

    A letter is removed after it was sent. If the process ends in between, the letter stays, marked as
    replayed; a second replay sends the message twice, which has one effect.
    """

    def __init__(
        self,
        letters: DeadLetters,
        plugins: Plugins,
        push: Callable[[str, bytes], None],
        partitions: int,
        clock: Clock | None = None,
    ) -> None:
        self._letters = letters
        self._plugins = plugins
        self._push = push
        self._partitions = partitions
        self._now = (clock or Clock.system()).now

    def replay(self, letter_id: str, *, token: str | None = None, force: bool = False) -> Replayed:
        """Replay one letter.

        ``token``: sent in place of the one that was removed. ``force``: replay in spite of an objection, but
        not of ``gone``, ``changed`` and ``cut``.
        """
        letter = self._letters.read(letter_id)
        if letter is None:
            return Replayed(letter_id, objection="gone")
        if letter.digest is not None:
            return Replayed(letter_id, objection="cut")
        reading = read_message(letter.raw)
        objection = self._objection(letter, reading, token)
        if objection and not force:
            return Replayed(letter_id, objection=objection)
        if not self._letters.mark_replayed(letter, self._now()):
            return Replayed(letter_id, objection="changed")
        messages = self._messages(letter, reading)
        for queue, raw in messages:
            self._push(queue, with_headers(raw, token=token, drop_expires=self._expired(reading)))
        # If it was parked again meanwhile, that newer letter stays.
        self._letters.remove([letter])
        return Replayed(letter_id, queue=", ".join(dict.fromkeys(queue for queue, _ in messages)))

    def _objection(self, letter: DeadLetter, reading: Reading, token: str | None) -> Objection | None:
        if not reading.task or not reading.command_id or reading.kwargs is None:
            return "unreadable"
        present = self._plugins.revisions_of(list(letter.revisions)) if letter.revisions else {}
        if any(present.get(key, 0) - then > MAX_APPLIED for key, then in letter.revisions.items()):
            return "revision_moved"
        if self._expired(reading):
            return "expired"
        return "token_removed" if letter.stripped and not token else None

    def _expired(self, reading: Reading) -> bool:
        return reading.expires is not None and reading.expires <= self._now()

    def _messages(self, letter: DeadLetter, reading: Reading) -> list[tuple[str, bytes]]:
        """Return the messages to send, each with its queue. A batch whose items belong on several of today's
        partitions is sent in parts; the items keep their ids.
        """
        parts = _frames(reading, self._partitions)
        if len({part.queue for part in parts}) < 2:
            return [(self._queue(letter, reading), letter.raw)]
        return [
            (part.queue, with_arguments(letter.raw, str(uuid4()), {"commands": part.items})) for part in parts
        ]

    def _queue(self, letter: DeadLetter, reading: Reading) -> str:
        operation = BY_TASK.get(reading.task or "")
        if operation and operation.is_write and reading.kwargs is not None:
            return queue_of(operation.task, reading.kwargs, self._partitions)
        # Its partition may be gone; the queue without a number is always read.
        return COMMANDS if letter.queue.startswith(f"{COMMANDS}.") else letter.queue


def _frames(reading: Reading, partitions: int) -> list[Frame]:
    """Return the items of a batch by partition; none for any other message, or a batch that is refused."""
    if reading.task != "plugin.batch" or reading.kwargs is None:
        return []
    try:
        parse(PluginBatch, reading.kwargs)
    except Refused:
        return []
    return frames_of(reading.kwargs["commands"], partitions)
