"""Keeping what could not be applied, and sending it again."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, Protocol
from uuid import uuid4

from contracts._client.frames import Frame, frames_of
from contracts.catalog import BY_TASK
from contracts.commands import BatchItem, PluginBatch
from contracts.errors import InternalFault, Refused
from contracts.parse import parse
from contracts.partition import COMMANDS, queue_of
from worker.dead_letters.message import Reading, read_message, task_message, with_arguments, with_headers
from worker.domain.dead_letter import FAULT, DeadLetter
from worker.domain.record import MAX_APPLIED
from worker.store.dead_letters import DeadLetters
from worker.store.plugins import Plugins

Objection = Literal["gone", "changed", "unreadable", "revision_moved", "expired", "token_removed"]
"""Why a letter is not replayed: ``revision_moved`` when its plugin has changed more often since than command
ids are remembered.
"""


class Parked(Protocol):
    """A message that the transport has parked; ``worker.transport.Parked`` is one."""

    @property
    def id(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def parked_at(self) -> datetime: ...
    @property
    def deaths(self) -> int: ...
    @property
    def raw(self) -> bytes: ...


class Parking:
    """Makes dead letters. Raises ``StoreUnavailable`` when the store is away; then all may be done again."""

    def __init__(self, letters: DeadLetters, plugins: Plugins) -> None:
        self._letters = letters
        self._plugins = plugins

    def take(self, parked: Parked) -> None:
        """Keep a message that the transport has parked; the same one again changes nothing."""
        reading = read_message(parked.raw)
        letter = self._letter(
            parked.id, parked.queue, parked.reason, parked.detail, reading, parked.parked_at
        )
        self._letters.keep_once(replace(letter, attempts=max(1, parked.deaths)))

    def park(self, command_id: str, task: str, queue: str, raw: bytes, bug: Exception) -> InternalFault:
        """Keep a message that met a bug, and return how that is answered. One command is one letter, however
        often it is parked.
        """
        reading = read_message(raw)
        error = f"{type(bug).__name__}: {bug}"
        # The id alone does not tell: that of a batch's item need only be unique in its batch.
        letter_id = f"{task}:{command_id}:{_digest(reading)}"
        letter = self._letter(letter_id, queue, FAULT, error, reading, datetime.now(UTC))
        kept = self._letters.keep(replace(letter, task=task, command_id=command_id))
        return InternalFault(
            "the command met a fault of this service and was kept", details={"dead_letter_id": kept}
        )

    def park_item(self, item: BatchItem, bug: Exception) -> InternalFault:
        """Keep an item of a batch that met a bug as a command of its own."""
        raw = task_message(item.operation, item.id, item.params, COMMANDS)
        return self.park(item.id, item.operation, COMMANDS, raw, bug)

    def _letter(
        self, letter_id: str, queue: str, reason: str, error: str, reading: Reading, now: datetime
    ) -> DeadLetter:
        return DeadLetter(
            id=letter_id,
            queue=queue,
            reason=reason,
            error=error,
            raw=reading.raw,
            parked_at=now,
            task=reading.task,
            command_id=reading.command_id,
            headers=reading.headers,
            stripped=reading.stripped,
            revisions=self._plugins.revisions_of(reading.keys) if reading.keys else {},
        )


def _digest(reading: Reading) -> str:
    """The same for every delivery of a command, whatever else its message holds: 12 hexadecimal digits of
    the SHA-256 of its arguments.
    """
    told = reading.raw if reading.kwargs is None else json.dumps(reading.kwargs, sort_keys=True).encode()
    return sha256(told).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay went: the queue that the message was sent to (several for the parts of a batch, with
    commas), or why it was not sent.
    """

    id: str
    queue: str | None = None
    objection: Objection | None = None


class Replay:
    """Sends letters again, to the end of the queue they belong on, with their own command ids.

    ``push`` adds a message to a queue, ``partitions`` is the number in force. A letter is removed after it
    was sent: ended in between, this leaves it marked as replayed, and a second replay then sends it twice,
    which has one effect.
    """

    def __init__(
        self,
        letters: DeadLetters,
        plugins: Plugins,
        push: Callable[[str, bytes], None],
        partitions: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._letters = letters
        self._plugins = plugins
        self._push = push
        self._partitions = partitions
        self._clock = clock

    def replay(self, letter_id: str, *, token: str | None = None, force: bool = False) -> Replayed:
        """Replay one letter; with ``force`` in spite of what speaks against it."""
        letter = self._letters.read(letter_id)
        if letter is None:
            return Replayed(letter_id, objection="gone")
        reading = read_message(letter.raw)
        objection = self._objection(letter, reading, token)
        if objection and not force:
            return Replayed(letter_id, objection=objection)
        if not self._letters.mark_replayed(letter, self._clock()):
            return Replayed(letter_id, objection="changed")
        messages = self._messages(letter, reading)
        for queue, raw in messages:
            self._push(queue, with_headers(raw, token=token, drop_expires=self._expired(reading)))
        # Where it was parked anew in the meantime, that newer letter stays.
        self._letters.remove(letter)
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
        return reading.expires is not None and reading.expires <= self._clock()

    def _messages(self, letter: DeadLetter, reading: Reading) -> list[tuple[str, bytes]]:
        """What to send, and where to: a batch for several of today's partitions goes in parts, whose items
        keep their ids.
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
        # The partition that it was on may be no more; the bare queue is always read.
        return COMMANDS if letter.queue.startswith(f"{COMMANDS}.") else letter.queue


def _frames(reading: Reading, partitions: int) -> list[Frame]:
    """The items of a batch by partition; none for any other message, or a batch that is refused anyway."""
    if reading.task != "plugin.batch" or reading.kwargs is None:
        return []
    try:
        parse(PluginBatch, reading.kwargs)
    except Refused:
        return []
    return frames_of(reading.kwargs["commands"], partitions)
