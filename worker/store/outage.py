"""What an error of MongoDB says of it: the words of log and doctor."""

import re
from typing import Any, Final

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from contracts._redis.state import Outage, State

STORE_AWAY: Final = "the store does not answer"
UNUSABLE: Final = (
    "the store cannot be reached: a name in its URL does not resolve, or an option of it is wrong"
)

CALLERS: Final[dict[State, str]] = {
    "away": STORE_AWAY,
    "no_right": "the store refuses this service",
    "wrong_login": "the store refuses this service",
    "full": "the store is full",
    "read_only": "the store takes no writes",
}
"""What a caller is told: nothing of users, servers or databases."""

_NO_RIGHT, _NO_LOGIN, _ATLAS = 13, 18, 8000
_NO_DISK = 14031
_READ_ONLY = frozenset({189, 10107, 10058, 11602, 13435, 13436})

_CHECK_LOGIN = "check the user, the password and authSource of PLUGINS_MONGODB_URL"
_CHECK_URL = "check that it runs, and that PLUGINS_MONGODB_URL is right"
_GIVE = "give it the role readWrite on that database"
_MAKE_ROOM = "make room on its disk: plugins dead-letters purge, or a larger disk"
_WAIT = "name the whole replica set in PLUGINS_MONGODB_URL; wait for an election"

_REFUSED = re.compile(r"not authorized on (\S+) to execute command \{ (\w+): (?:\"([^\"]*)\")?")
_ATLAS_REFUSED = re.compile(r"not allowed to do action \[(\w+)\] on \[([^\]]+)\]")
_WHY = (
    (r"[Cc]onnection refused", "connection refused"),
    (r"not known|No address associated|name resolution|does not exist", "its name is not known"),
    (r"certificate|SSL|TLS", "no TLS connection"),
    (r"No route|unreachable", "no way to its host"),
    (r"[Tt]imed? ?out", "no answer in time"),
    (r"connection closed|reset by peer", "the connection was closed"),
)


def mongodb_outage(error: PyMongoError) -> Outage:
    """Return what ``error``, that of an outage, says of MongoDB."""
    text = str(error)
    if isinstance(error, ConfigurationError):
        return Outage("away", UNUSABLE, _CHECK_URL)
    for code, told in _answers(error):
        if outage := _answered(code, told):
            return outage
    if isinstance(error, NotPrimaryError) or (
        isinstance(error, ServerSelectionTimeoutError) and "No replica set members match" in text
    ):
        return _read_only()
    why = next((why for pattern, why in _WHY if re.search(pattern, text)), None)
    return Outage(
        "away", f"MongoDB does not answer ({why})" if why else "MongoDB does not answer", _CHECK_URL
    )


def _answers(error: PyMongoError) -> list[tuple[int, str]]:
    """Return the codes and texts in the answer of MongoDB, if it has answered."""
    if isinstance(error, BulkWriteError):
        details: dict[str, Any] = dict(error.details)
        errors = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        return [(int(each.get("code", 0)), str(each.get("errmsg", ""))) for each in errors]
    if isinstance(error, OperationFailure):
        return [(error.code or 0, str((error.details or {}).get("errmsg", error)))]
    return []


def _answered(code: int, text: str) -> Outage | None:
    refused, of_atlas = _REFUSED.search(text), _ATLAS_REFUSED.search(text)
    if code == _NO_LOGIN or (code == _ATLAS and "auth" in text and not of_atlas):
        return Outage("wrong_login", "MongoDB refuses the user or the password of its URL", _CHECK_LOGIN)
    if code == _NO_RIGHT and "requires authentication" in text:
        return Outage("wrong_login", "MongoDB asks for a user, and its URL names none", _CHECK_LOGIN)
    if code == _NO_RIGHT or of_atlas:
        what = "a command"
        if refused:
            what = f"{refused[2]} on {refused[1]}{'.' + refused[3] if refused[3] else ''}"
        elif of_atlas:
            what = f"{of_atlas[1]} on {of_atlas[2]}"
        return Outage("no_right", f"MongoDB refuses this user {what}: it lacks that right", _GIVE)
    if code == _NO_DISK or "No space left" in text or "over your space quota" in text:
        return Outage("full", "MongoDB is full: its disk has no room left", _MAKE_ROOM)
    return _read_only() if code in _READ_ONLY else None


def _read_only() -> Outage:
    return Outage("read_only", "MongoDB takes no writes: no primary was reached", _WAIT)
