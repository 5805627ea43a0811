"""One dead letter, as it is shown."""

from typing import Any

from contracts.values import format_time
from worker.dead_letters.message import read_message
from worker.domain.dead_letter import DeadLetter
from worker.domain.secrets import hide_secrets

COLUMNS = ("id", "parked at", "queue", "reason", "task", "plugins", "replayed")
"""The columns of a list."""


def row_of(letter: DeadLetter) -> dict[str, str]:
    """Return the row of a letter in a list."""
    return {
        "id": letter.id,
        "parked at": format_time(letter.parked_at),
        "queue": letter.queue,
        "reason": letter.reason + (f", cut from {letter.size} bytes" if letter.digest else ""),
        "task": letter.task or "-",
        "plugins": ", ".join(letter.revisions) or "-",
        "replayed": "yes" if letter.replayed_at else "",
    }


def details_of(letter: DeadLetter) -> dict[str, Any]:
    """Return what is known of a letter, without its message."""
    return {
        "id": letter.id,
        "queue": letter.queue,
        "reason": letter.reason,
        "error": letter.error,
        "task": letter.task,
        "command_id": letter.command_id,
        "plugins": [{"plugin": key, "revision": revision} for key, revision in letter.revisions.items()],
        "attempts": letter.attempts,
        "first_at": letter.first_at,
        "parked_at": letter.parked_at,
        "replayed_at": letter.replayed_at,
        "size": letter.size,
        "cut": letter.digest is not None,
        "digest": letter.digest,
        "junk": letter.junk,
        "token_removed": letter.stripped,
    }


def content_of(letter: DeadLetter) -> dict[str, Any]:
    """Return the parameters of the message, or the beginning of one that cannot be read."""
    reading = read_message(letter.raw)
    try:
        if reading.kwargs is not None:
            return {"kwargs": hide_secrets(reading.kwargs)}
    except RecursionError:
        return {"kwargs": "(nested too deeply to be shown)"}
    return {"begins": reading.raw[:500].decode("utf-8", "backslashreplace")}
