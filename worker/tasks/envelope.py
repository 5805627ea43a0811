"""The parts of a message beside its keyword arguments."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from contracts.errors import InvalidParameter
from contracts.values import is_command_id

_CANVAS = {
    "callbacks": "callbacks are not supported",
    "errbacks": "callbacks are not supported",
    "chain": "chains are not supported",
    "chord": "chords are not supported",
    "group": "groups are not supported; send a plugin.batch",
    "eta": "ETA and countdown are not supported",
}


def check_envelope(request: Any, args: Sequence[Any]) -> None:
    """Refuse unsupported parts: positional arguments, canvas, ETA, countdown, an unusable id.

    Raises: ``InvalidParameter`` with ``details.path``.
    """
    if not is_command_id(request.id):
        raise _bad("id", "a command id has 1 to 128 printable ASCII characters")
    if args:
        raise _bad("args", "positional arguments are not supported; send keyword arguments")
    for name, reason in _CANVAS.items():
        if getattr(request, name, None):
            raise _bad(name, reason)


def _bad(path: str, message: str) -> InvalidParameter:
    return InvalidParameter(message, details={"path": path})


def deadline(value: object) -> datetime | None:
    """Return the ``expires`` of a message as a time; without a zone it counts as UTC.

    Raises: ``InvalidParameter``.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            # Celery sends text; a number would be read as the digits of a date.
            moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        except ValueError:
            raise _bad("expires", "expires must be an ISO 8601 time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
