"""Counts the commands that MongoDB is sent."""

from collections import deque
from collections.abc import Collection
from threading import Lock
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

READS = frozenset({"find", "aggregate", "getMore", "count", "distinct"})

_OF_CONNECTIONS = frozenset({"hello", "ping", "endSessions", "killCursors"})


class MongoCommands(CommandListener):
    """The commands of a client that has it among its ``event_listeners``, but for those of its connections.

    ``only``: the names that count; None: all. ``kept``: how many commands are kept in ``sent``; None: all.
    ``sent``: the commands since ``clear``. ``ended``, ``seconds``: how many ended, and how long they took.
    """

    def __init__(self, only: Collection[str] | None = None, kept: int | None = None) -> None:
        self.sent: deque[dict[str, Any]] = deque(maxlen=kept)
        self._only = only
        self._lock = Lock()
        self.clear()

    @property
    def names(self) -> list[str]:
        """The names of the commands, in the order sent."""
        return [next(iter(command)) for command in self.sent]

    def clear(self) -> None:
        """Forget what was sent."""
        self.sent.clear()
        self.ended, self.seconds = 0, 0.0

    def take(self) -> list[str]:
        """The names, which are forgotten with that."""
        names = self.names
        self.clear()
        return names

    def _counts(self, name: str) -> bool:
        return name not in _OF_CONNECTIONS and (self._only is None or name in self._only)

    def started(self, event: CommandStartedEvent) -> None:
        if self._counts(event.command_name):
            self.sent.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._end(event)

    def failed(self, event: CommandFailedEvent) -> None:
        self._end(event)

    def _end(self, event: CommandSucceededEvent | CommandFailedEvent) -> None:
        if self._counts(event.command_name):
            with self._lock:
                self.ended += 1
                self.seconds += event.duration_micros / 1e6
