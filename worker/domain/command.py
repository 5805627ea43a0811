"""A command, as a decision needs it, and the lease that it is applied under."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from json import encoder
from typing import Any, Protocol

from contracts.commands import Write

_canonical: Callable[[Mapping[str, Any], int], Iterable[str]] = encoder.c_make_encoder(  # type: ignore[attr-defined]  # not public
    None, None, encoder.encode_basestring_ascii, None, ":", ",", True, False, True
)
"""What ``json.JSONEncoder(sort_keys=True)`` makes for each call, which costs as much as a small command."""


class Fenced(Exception):
    """Raised when another process owns the partition: this process may neither acknowledge nor answer."""


class GiveBack(Exception):
    """Raised when the process is stopping: messages return to the head of their queue, unanswered."""


class Lease(Protocol):
    """The right to apply the commands of a partition."""

    @property
    def epoch(self) -> int:
        """That of the lease when the commands were taken, or what ``raise_epoch`` made of it."""

    def confirm(self) -> bool:
        """Return whether Redis says that this process still has the lease."""

    def raise_epoch(self, at_least: int) -> bool:
        """Raise the epoch of the lease to at least ``at_least``; return False if the lease is lost.

        What is more than a day ahead of Redis's clock is no epoch: the epoch stays as it is.
        """

    def wait(self, seconds: float) -> bool:
        """Wait during an outage; return True as soon as the process must end."""

    def give_up(self) -> None:
        """Release the lease, and give back what is in hand of the partition."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The message that brought commands.

    ``redelivered``: whether an earlier owner may have begun to apply them.
    ``expires``: do not apply them after that time.
    ``queue``, ``raw``: where the message came from, and the message as it was there.
    """

    redelivered: bool = False
    expires: datetime | None = None
    traceparent: str | None = None
    queue: str = ""
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)  # without slots: a digest that was made is kept
class Command:
    """One write: a message of its own, or an item of a batch.

    ``key``: that of the plugin's record.
    ``operation``, ``params``: the task's name and its keyword arguments, as sent.
    ``is_item``: whether its message is a batch.
    """

    id: str
    write: Write
    key: str
    operation: str
    params: Mapping[str, Any] = field(repr=False)
    origin: Origin = Origin()
    is_item: bool = False

    @cached_property
    def digest(self) -> str:
        """The digest of the id, the operation, and what is given of ``params``, in any order of keys."""
        # null, and an empty text that clears nothing, count as not given.
        fields, given = self.write.model_fields_set, self.params
        if len(fields) != len(given):
            given = {name: value for name, value in given.items() if name in fields}
        text = f"{self.id}\n{self.operation}{''.join(_canonical(given, 0))}"
        return blake2b(text.encode(), digest_size=8).hexdigest()
