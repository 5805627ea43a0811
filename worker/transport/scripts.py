"""The Lua scripts, run by their digest and loaded again when Redis has forgotten them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError

Argument = str | bytes | int


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its text, with the shared prelude before it, and its digest."""

    text: str
    digest: str

    @classmethod
    def load(cls, name: str) -> "Script":
        folder = files(__package__) / "lua"
        text = (folder / "prelude.lua").read_text("utf-8") + (folder / f"{name}.lua").read_text("utf-8")
        return cls.of(text)

    @classmethod
    def of(cls, text: str) -> "Script":
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Call:
    """One script with its keys and arguments. Every script may be run twice with the same effect."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Argument]


POP = Script.load("pop")
POP_SHARED = Script.load("pop_shared")
SETTLE = Script.load("settle")
NOTE_WAIT = Script.load("note_wait")
RENEW = Script.load("renew")
RENEW_SHARED = Script.load("renew_shared")
RAISE = Script.load("raise")
RELEASE = Script.load("release")
RELEASE_SHARED = Script.load("release_shared")


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
        for script in {calls[index].script for index in missing}:
            client.script_load(script.text)
        again = _execute(client, [calls[index] for index in missing])
        for index, result in zip(missing, again, strict=True):
            results[index] = result
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def _execute(client: "Redis", calls: Sequence[Call]) -> list[Any]:
    with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(call.script.digest, len(call.keys), *call.keys, *call.args)
        return list(pipe.execute(raise_on_error=False))
