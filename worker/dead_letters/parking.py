"""Dead letters are made here: from messages that the transport has parked, and from those that met a bug."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol, Self

from contracts.errors import InternalFault
from contracts.partition import COMMANDS
from worker.dead_letters.message import Reading, read_message
from worker.domain.command import Command
from worker.domain.dead_letter import FAULT, UNREADABLE, DeadLetter
from worker.domain.secrets import hide_secrets_in
from worker.store.dead_letters import DeadLetters
from worker.store.plugins import Plugins
from worker.transport.cut import Kept, cut
from worker.transport.encode import task_message


class ParkedMessage(Protocol):
    """A message that the transport has parked in Redis: ``worker.transport.ParkedMessage``."""

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
    @property
    def size(self) -> int: ...
    @property
    def digest(self) -> str | None: ...


class Parking:
    """Makes and stores dead letters.

    Raises: ``StoreUnavailable`` when the store is away; then everything may be done again.
    """

    def __init__(self, letters: DeadLetters, plugins: Plugins) -> None:
        self._letters = letters
        self._plugins = plugins

    def store(self, messages: Sequence[ParkedMessage]) -> list[DeadLetter]:
        """Store messages that the transport has parked, and return their letters; the same message again
        changes nothing.
        """
        readings = [_KeptReading.of_parked(message) for message in messages]
        revisions = self._revisions(readings)
        letters = [
            replace(
                self._letter(message.id, message.queue, message.reason, message.detail, reading, revisions),
                parked_at=message.parked_at,
                attempts=max(1, message.deaths),
            )
            for message, reading in zip(messages, readings, strict=True)
        ]
        self._letters.keep_once(letters)
        return letters

    def keep(self, command_id: str, task: str, queue: str, raw: bytes, error: Exception) -> InternalFault:
        """Store a message that met a bug and return how it is answered.

        One command is one letter, however often it meets a bug.
        """
        reading = _KeptReading.of(cut(raw))
        # The command id alone is not unique: that of a batch's item need only be unique in its batch.
        letter_id = f"{task}:{command_id}:{_digest(reading.reading)}"
        text = f"{type(error).__name__}: {error}"
        letter = self._letter(letter_id, queue, FAULT, text, reading, self._revisions([reading]))
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

    def _revisions(self, readings: Sequence["_KeptReading"]) -> dict[str, int]:
        keys = {key for each in readings for key in each.reading.keys}
        return self._plugins.revisions_of(sorted(keys)) if keys else {}

    def _letter(
        self,
        letter_id: str,
        queue: str,
        reason: str,
        error: str,
        kept: "_KeptReading",
        revisions: Mapping[str, int],
    ) -> DeadLetter:
        reading = kept.reading
        is_read = kept.digest is None and reason not in UNREADABLE and reading.is_command
        return DeadLetter(
            id=letter_id,
            queue=queue,
            reason=reason,
            error=hide_secrets_in(error),
            raw=reading.raw,
            parked_at=datetime.now(UTC),
            task=reading.task,
            command_id=reading.command_id,
            headers=reading.headers,
            stripped=reading.stripped,
            revisions={key: revisions[key] for key in reading.keys},
            size=kept.size,
            digest=kept.digest,
            junk=reason != FAULT and not is_read,
        )


@dataclass(frozen=True, slots=True)
class _KeptReading:
    """What is kept of a message, read. ``size``, ``digest``: those of ``Kept``."""

    reading: Reading
    size: int
    digest: str | None

    @classmethod
    def of(cls, kept: Kept) -> Self:
        return cls(read_message(kept.raw), kept.size, kept.digest)

    @classmethod
    def of_parked(cls, message: ParkedMessage) -> Self:
        if message.digest is None:
            return cls.of(cut(message.raw))
        return cls.of(Kept(message.raw, message.size, message.digest))


def _digest(reading: Reading) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of a command's arguments: they are the same in every
    delivery, other parts of its message may differ.
    """
    identity = reading.raw if reading.kwargs is None else json.dumps(reading.kwargs, sort_keys=True).encode()
    return sha256(identity).hexdigest()[:12]
