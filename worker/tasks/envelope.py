"""The parts of a message beside its keyword arguments."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from contracts.errors import InvalidParameter
from contracts.headers import ANSWER_ID, is_answer_id
from contracts.values import is_command_id
from worker.transport.protocol import Envelope, EnvelopeRefusal


class _Rule(NamedTuple):
    """What a message may not say: the ``part`` of its envelope, the ``path``, and what its sender is told."""

    part: Literal["id", "args", "headers", "embed"]
    path: str
    sentence: str


_RULES: Final = (
    _Rule("id", "id", "a command id has 1 to 128 printable ASCII characters"),
    _Rule("args", "args", "positional arguments are not supported; send keyword arguments"),
    _Rule("headers", "eta", "ETA and countdown are not supported"),
    _Rule("headers", "group", "Celery groups are not supported; send a plugin.batch"),
    _Rule("headers", "stamps", "stamps are not supported"),
    _Rule("headers", "stamped_headers", "stamps are not supported"),
    _Rule("embed", "callbacks", "callbacks are not supported"),
    _Rule("embed", "errbacks", "callbacks are not supported"),
    _Rule("embed", "chain", "chains are not supported"),
    _Rule("embed", "chord", "chords are not supported"),
)


def check_message(envelope: Envelope) -> None:
    """Refuse a message that could be read only in part, or that says what none may say.

    Raises: ``InvalidParameter`` with ``details.path``.
    """
    if envelope.refusal:
        raise _refused(envelope.refusal)
    for rule in _RULES:
        if _breaks(envelope, rule):
            raise _bad(rule.path, rule.sentence)
    answer_id = envelope.headers.get(ANSWER_ID)
    if answer_id is not None and not is_answer_id(answer_id, envelope.id):
        raise _bad(ANSWER_ID, "answer_id is the command id, a colon, and 1 to 64 characters of 0-9A-Za-z_-")


def no_task(envelope: Envelope) -> InvalidParameter:
    """Return what a message is answered that names no known task, or whose task could not be read."""
    if not envelope.task and envelope.refusal:
        return _refused(envelope.refusal)
    return _bad("task", "there is no such task")


def answer_id_of(headers: Mapping[str, Any], command_id: str) -> str:
    """Return the id that the answer to a message is stored under; the command id, if it wants a wrong one."""
    wanted = headers.get(ANSWER_ID)
    return wanted if is_answer_id(wanted, command_id) else command_id


def _breaks(envelope: Envelope, rule: _Rule) -> bool:
    match rule.part:
        case "id":
            return not is_command_id(envelope.id)
        case "args":
            return bool(envelope.args)
        case "headers":
            return bool(envelope.headers.get(rule.path))
        case "embed":
            return bool(envelope.embed.get(rule.path))


def deadline(headers: Mapping[str, Any]) -> datetime | None:
    """Return the ``expires`` of a message as a time; without a zone it counts as UTC.

    Raises: ``InvalidParameter``.
    """
    value = headers.get("expires")
    if value is None:
        return None
    try:
        # Celery sends text; a number would be read as the digits of a date.
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise _bad("expires", "expires must be an ISO 8601 time") from None
    if moment.tzinfo:
        return moment
    if headers.get("utc") is False:
        raise _bad("expires", "expires needs an offset: where utc is false, its zone is not known")
    return moment.replace(tzinfo=UTC)


def _refused(refusal: EnvelopeRefusal) -> InvalidParameter:
    return InvalidParameter(refusal.message, details={"path": refusal.path, "reason": refusal.reason})


def _bad(path: str, message: str) -> InvalidParameter:
    return InvalidParameter(message, details={"path": path})
