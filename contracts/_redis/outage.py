"""Which errors of Redis mean that it is away, or refuses us, rather than that a command is wrong; and what
they become.

========================  ==========================================================================
Redis                     what happens
========================  ==========================================================================
is away, or refuses       an outage: what is under way waits, and is tried again
writes for now
refuses this user         the same, since a right can be given while everything runs, and nothing may
(NOPERM, WRONGPASS)       be lost until then. But it is told as what it is: `refusal`
any other error           a bug
========================  ==========================================================================
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from contracts.errors import Unavailable

_REFUSALS = (
    redis.exceptions.MasterDownError,
    redis.exceptions.NoPermissionError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)
# A right that is missing for a command of a script.
_NO_RIGHT_IN_SCRIPT = r"The user executing the script can't |ACL failure in script: "
# Redis 6 names these in the middle of a sentence about the script, redis-py behind one about the pipeline.
_REFUSED = re.compile(
    r"(?:^|: |-)(?:BUSY|MASTERDOWN|MISCONF|NOPERM|NOREPLICAS|OOM|READONLY|UNBLOCKED) |" + _NO_RIGHT_IN_SCRIPT
)
_FULL = re.compile(r"(?:^|: |-)OOM |OOM command not allowed")
_NO_RIGHT = re.compile(r"(?:^|: |-)NOPERM |" + _NO_RIGHT_IN_SCRIPT)
_USER = re.compile(r"\bUser (\S+) has no permissions")
_COMMAND = re.compile(r"(?:may not run|permissions to run the) '([^']+)'(?: command)?(?: on '([^']+)')?")
_OBJECT = re.compile(r"(?:one of the (key|channel)s|access a (key|channel)|at least one of the (key)s)")

_NO_ROOM = "Redis is full: 'plugins doctor' says of what"
_WHERE = "see deploy/redis/README.md; ACL LOG of that Redis names what it refused"


def is_redis_outage(error: redis.RedisError) -> bool:
    """Return whether waiting and trying again is the answer to ``error``."""
    # Another program listens in its place.
    if isinstance(error, redis.InvalidResponse):
        return True
    # A Redis that is out of memory, is a replica, or cannot persist refuses writes for as long as that lasts.
    # One that becomes a replica ends the reads that block.
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError, *_REFUSALS)):
        return True
    return isinstance(error, redis.ResponseError) and _REFUSED.search(str(error)) is not None


def is_full(error: BaseException | None) -> bool:
    """Return whether ``error`` means that Redis has no memory left for what it was asked to keep."""
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return True
    return isinstance(error, redis.ResponseError) and _FULL.search(str(error)) is not None


def refusal(error: BaseException | None) -> str | None:
    """Return a sentence that says what Redis refuses this user, if that is the error; else None."""
    if isinstance(error, redis.AuthenticationError):
        return f"Redis refuses the user or the password of its URL ({error})"
    if not isinstance(error, redis.exceptions.NoPermissionError) and not (
        isinstance(error, redis.ResponseError) and _NO_RIGHT.search(str(error))
    ):
        return None
    text = str(error)
    user = _USER.search(text)
    who = f"the user {user[1]}" if user else "this user"
    return f"Redis refuses {who} {_what(text)}: its line of the ACL file lacks that right ({_WHERE})"


def _what(text: str) -> str:
    if command := _COMMAND.search(text):
        name = command[1].replace("|", " ").upper()
        return f"{name} on {command[2]}" if command[2] else name
    if found := _OBJECT.search(text):
        return f"a {next(filter(None, found.groups()))} of a command"
    return "a command of a script"


def outage_sentence(error: BaseException | None, away: str) -> str:
    """Return what to tell of an outage: ``away``, unless Redis is full or refuses this user."""
    return refusal(error) or (_NO_ROOM if is_full(error) else away)


@contextmanager
def translate_outage(error_type: type[Unavailable], message: str) -> Iterator[None]:
    """Raise ``error_type(message)`` in place of an error that means that Redis is away; pass others on.

    If Redis is full, or refuses this user, the message is that instead.
    """
    try:
        yield
    except redis.RedisError as error:
        if is_redis_outage(error):
            raise error_type(outage_sentence(error, message)) from error
        raise
