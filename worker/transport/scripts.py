"""The Lua scripts, run by their digest and loaded again when Redis has forgotten them."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError, ResponseError

Argument = str | bytes | int

_FUNCTION = re.compile(r"^(?:local )?function (\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script: the functions that it shares with others, its own text, and the digest of both."""

    shared: str
    own: str
    digest: str

    @classmethod
    def load(cls, *names: str) -> "Script":
        """Return the script of these files in ``lua``: what it shares first, the script itself last."""
        *shared, own = ((files(__package__) / "lua" / f"{name}.lua").read_text("utf-8") for name in names)
        return cls.of("".join(shared), own)

    @classmethod
    def of(cls, shared: str, own: str) -> "Script":
        """Return the script of these texts."""
        return cls(shared, own, hashlib.sha1((shared + own).encode(), usedforsecurity=False).hexdigest())

    def replacing(self, functions: str) -> "Script":
        """Return the script with some of its shared functions replaced, to see what they protect from.

        ``functions``: Lua text, ``function NAME(...) ... end`` for each of them.
        Raises ValueError when it replaces none, or one that the script does not share.
        """
        replaced = set(_FUNCTION.findall(functions))
        if not replaced or not replaced <= set(_FUNCTION.findall(self.shared)):
            raise ValueError(f"these are not all shared functions: {sorted(replaced)}")
        return Script.of(self.shared + functions, self.own)

    @property
    def text(self) -> str:
        """The text that Redis runs."""
        return self.shared + self.own


@dataclass(frozen=True, slots=True)
class Call:
    """One script with its keys and arguments. Every script may be run twice with the same effect."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Argument]


POP = Script.load("prelude", "handout", "pop")
POP_SHARED = Script.load("prelude", "handout", "pop_shared")
ACK = Script.load("prelude", "ack")
SETTLE = Script.load("prelude", "settle")
PARK = Script.load("prelude", "park")
NOTE_WAIT = Script.load("prelude", "note_wait")
RENEW = Script.load("prelude", "renew")
RENEW_SHARED = Script.load("prelude", "renew_shared")
RAISE = Script.load("prelude", "raise")
RELEASE = Script.load("prelude", "handout", "release")
RELEASE_SHARED = Script.load("prelude", "handout", "release_shared")
PEEK_PARKED = Script.load("prelude", "parked", "peek_parked")
FORGET_PARKED = Script.load("prelude", "parked", "forget_parked")

_EVERY = (
    *(POP, POP_SHARED, ACK, SETTLE, PARK, NOTE_WAIT, RENEW, RENEW_SHARED, RAISE, RELEASE, RELEASE_SHARED),
    *(PEEK_PARKED, FORGET_PARKED),
)


def run_script(client: "Redis", call: Call) -> Any:
    """Run one script.

    Raises: redis-py's errors.
    """
    return run_all(client, [call])[0]


def run_all(client: "Redis", calls: Sequence[Call]) -> list[Any]:
    """Run scripts in their order, in one round trip.

    Raises: the first error, after all scripts have been tried.
    """
    results = _execute(client, calls)
    missing = [index for index, result in enumerate(results) if isinstance(result, NoScriptError)]
    if missing:
        # All of them: with only some loaded, a pop would run before the settlement that was sent ahead of it.
        for script in {*_EVERY, *(call.script for call in calls)}:
            client.script_load(script.text)
        again = _execute(client, [calls[index] for index in missing])
        for index, result in zip(missing, again, strict=True):
            results[index] = result
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def _execute(client: "Redis", calls: Sequence[Call]) -> list[Any]:
    if len(calls) == 1:
        # A pipeline of one costs a tenth of a millisecond more.
        (call,) = calls
        try:
            return [client.evalsha(call.script.digest, len(call.keys), *call.keys, *call.args)]
        except ResponseError as error:
            return [error]
    with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(call.script.digest, len(call.keys), *call.keys, *call.args)
        return list(pipe.execute(raise_on_error=False))
