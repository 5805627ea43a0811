"""Which errors of Redis mean that it is away, or refuses us, rather than that a command is wrong; and what
they become.

========================  ==========================================================================
Redis                     what happens
========================  ==========================================================================
is away, or refuses       an outage: what is under way waits, and is tried again
writes for now
refuses this user         the same, since a right can be given while everything runs, and nothing may
(NOPERM, WRONGPASS)       be lost until then. But it is told as what it is: `redis_outage`
any other error           a bug
========================  ==========================================================================
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis

from contracts._redis.refusal import what_is_refused
from contracts._redis.state import UNREACHED, Outage
from contracts.errors import Unavailable

_REFUSALS = (
    redis.exceptions.MasterDownError,
    redis.exceptions.NoPermissionError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)
# A right that is missing for a command of a script.
_NO_RIGHT_IN_SCRIPT = r"The user executing the script can't |ACL failure in script: "
# Of a hosted one.
_OVER_QUOTA, _NO_QUOTA = r"max (?:daily )?requests? limit exceeded", "DB capacity quota exceeded"
_TOO_MANY = "max concurrent connections"
# Redis 6 names these in the middle of a sentence about the script, redis-py behind one about the pipeline.
_REFUSED = re.compile(
    r"(?:^|: |-)(?:BUSY|DENIED|MASTERDOWN|MISCONF|NOPERM|NOREPLICAS|OOM|READONLY|UNBLOCKED) |"
    + _NO_RIGHT_IN_SCRIPT
    + f"|{_OVER_QUOTA}|{_TOO_MANY}|{_NO_QUOTA}"
)
_FULL = re.compile(r"(?:^|: |-)OOM |OOM command not allowed|" + _NO_QUOTA)
_NO_RIGHT = re.compile(r"(?:^|: |-)NOPERM |" + _NO_RIGHT_IN_SCRIPT)
_PROTECTED = re.compile(r"(?:^|: |-)DENIED ")

_READ_ONLY = (
    ("READONLY", "Redis is a replica, and takes no writes", "name its primary in the URL"),
    ("MISCONF", "Redis takes no writes, since it cannot write to its disk", "see its log, and its disk"),
    ("NOREPLICAS", "Redis takes no writes, since it has too few replicas", "see that its replicas run"),
)
_NO_ROOM = "Redis is full: 'plugins doctor' says of what"
_WHERE = "see deploy/redis/README.md; ACL LOG of that Redis names what it refused"
_CHECK_LOGIN = "check the user and the password of its URL in PLUGINS_*"
_GIVE = "deploy/redis/users.acl has the rights that each user needs: plugins doctor needs those of `operator`"
CHECK_URL = "check that it runs, and that its URL in PLUGINS_* is right"

_AWAY_WHY = (
    (r"LOADING |is loading the dataset", "it loads its data"),
    (r"MASTERDOWN ", "it is a replica that has lost its primary"),
    (r"BUSY ", "a script holds it up"),
    (r"UNBLOCKED ", "it lost the stream, or became a replica"),
    (r"max number of clients|" + _TOO_MANY, "it has too many clients"),
    (_OVER_QUOTA, "its limit of requests is used up"),
    *UNREACHED,
    (r"[Tt]imed? ?out|[Tt]imeout", "no answer in time"),
    (r"[Cc]onnection (?:closed|reset)|[Bb]roken pipe", "the connection was closed"),
)


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


def redis_outage(error: BaseException | None, away: str, keys: Sequence[str] = ()) -> Outage:
    """Return what ``error`` says of Redis.

    ``away``: a sentence for one that does not answer. ``keys``: what was used, for a refusal that names none.
    """
    if refused := _refused(error, keys):
        return refused
    if is_full(error):
        return Outage("full", _NO_ROOM, "make room in it, or raise its maxmemory")
    text = str(error)
    for word, sentence, advice in _READ_ONLY:
        if _starts(error, word):
            return Outage("read_only", sentence, advice)
    why = next((why for pattern, why in _AWAY_WHY if re.search(pattern, text)), None)
    is_known = isinstance(error, (redis.RedisError, OSError)) and why is not None
    return Outage("away", f"{away} ({why})" if is_known else away, CHECK_URL)


def _refused(error: BaseException | None, keys: Sequence[str] = ()) -> Outage | None:
    if isinstance(error, redis.AuthenticationError):
        text = f"Redis refuses the user or the password of its URL ({error})"
        return Outage("wrong_login", text, _CHECK_LOGIN)
    if isinstance(error, redis.RedisError) and _PROTECTED.search(str(error)):
        text = "Redis has no password, and then takes connections from its own machine alone"
        return Outage("wrong_login", text, "give it users, and name one in its URL in PLUGINS_*")
    if not isinstance(error, redis.exceptions.NoPermissionError) and not (
        isinstance(error, redis.ResponseError) and _NO_RIGHT.search(str(error))
    ):
        return None
    text = f"Redis refuses {what_is_refused(str(error), keys)}: its line of the ACL file lacks that right"
    return Outage("no_right", f"{text} ({_WHERE})", _GIVE)


def _starts(error: BaseException | None, word: str) -> bool:
    if word == "READONLY" and isinstance(error, redis.exceptions.ReadOnlyError):
        return True
    is_answer = isinstance(error, redis.ResponseError)
    return is_answer and re.search(rf"(?:^|: |-){word} ", str(error)) is not None


@contextmanager
def translate_outage(error_type: type[Unavailable], message: str) -> Iterator[None]:
    """Raise ``error_type(message)`` in place of an error that means that Redis is away; pass others on.

    If Redis is full, takes no writes, or refuses this user, the message is that instead.
    """
    try:
        yield
    except redis.RedisError as error:
        if is_redis_outage(error):
            raise error_type(redis_outage(error, message).text) from error
        raise
