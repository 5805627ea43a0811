"""Dead letters are made here: from messages that the transport has parked, and from those that met a bug."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol

from contracts.errors import InternalFault
from contracts.partition import COMMANDS
from worker.dead_letters.message import Reading, read_message
from worker.domain.command import Command
from worker.domain.dead_letter import FAULT, DeadLetter
from worker.store.dead_letters import DeadLetters
from worker.store.plugins import Plugins
from worker.transport.encode import task_message


class ParkedMessage(Protocol):
    """A message that the transport has parked in Redis: ``worker.transport.DeadMessage``."""

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
    """Makes and stores dead letters.

    Raises: ``StoreUnavailable`` when the store is away; then everything may be done again.
    """

    def __init__(self, letters: DeadLetters, plugins: Plugins) -> None:
        self._letters = letters
        self._plugins = plugins

    def store(self, message: ParkedMessage) -> None:
        """Store a message that the transport has parked; the same one again changes nothing."""
        reading = read_message(message.raw)
        letter = self._letter(
            message.id, message.queue, message.reason, message.detail, reading, message.parked_at
        )
        self._letters.keep_once(replace(letter, attempts=max(1, message.deaths)))

    def keep(self, command_id: str, task: str, queue: str, raw: bytes, error: Exception) -> InternalFault:
        """Store a message that met a bug and return how it is answered.

        One command is one letter, however often it meets a bug.
        """
        reading = read_message(raw)
        # The command id alone is not unique: that of a batch's item need only be unique in its batch.
        letter_id = f"{task}:{command_id}:{_digest(reading)}"
        text = f"{type(error).__name__}: {error}"
        letter = self._letter(letter_id, queue, FAULT, text, reading, datetime.now(UTC))
        kept = self._letters.keep(replace(letter, task=task, command_id=command_id))
        return InternalFault(
            "the command met a fault of this service and was kept", details={"dead_letter_id": kept}
        )

    def keep_command(self, command: Command, error: Exception) -> InternalFault:
        """Store a command that met a bug; an item of a batch as a command of its own."""
        queue, raw = command.origin.queue, command.origin.raw
        if command.is_item:
            queue, raw = COMMANDS, task_message(command.operation, command.id, command.params, COMMANDS)
        return self.keep(command.id, command.operation, queue, raw, error)

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
    """Return 12 hexadecimal digits of the SHA-256 of a command's arguments: they are the same in every
    delivery, other parts of its message may differ.
    """
    identity = reading.raw if reading.kwargs is None else json.dumps(reading.kwargs, sort_keys=True).encode()
    return sha256(identity).hexdigest()[:12]
