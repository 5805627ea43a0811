"""The scripts of the transport."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis import Redis

from worker import lua
from worker.lua import Call, Script

_FOLDER = files(__package__) / "lua"

POP = Script.load(_FOLDER, "prelude", "handout", "pop")
POP_SHARED = Script.load(_FOLDER, "prelude", "handout", "pop_shared")
ACK = Script.load(_FOLDER, "prelude", "ack")
SETTLE = Script.load(_FOLDER, "prelude", "settle")
PARK = Script.load(_FOLDER, "prelude", "park")
NOTE_WAIT = Script.load(_FOLDER, "prelude", "note_wait")
RENEW = Script.load(_FOLDER, "prelude", "renew")
RENEW_SHARED = Script.load(_FOLDER, "prelude", "renew_shared")
RAISE = Script.load(_FOLDER, "prelude", "raise")
RELEASE = Script.load(_FOLDER, "prelude", "handout", "release")
RELEASE_SHARED = Script.load(_FOLDER, "prelude", "handout", "release_shared")
PEEK_PARKED = Script.load(_FOLDER, "prelude", "parked", "peek_parked")
FORGET_PARKED = Script.load(_FOLDER, "prelude", "parked", "forget_parked")

_EVERY = (
    *(POP, POP_SHARED, ACK, SETTLE, PARK, NOTE_WAIT, RENEW, RENEW_SHARED, RAISE, RELEASE, RELEASE_SHARED),
    *(PEEK_PARKED, FORGET_PARKED),
)


def run_script(client: "Redis", call: Call) -> Any:
    """Run one script; see ``run_all``."""
    return run_all(client, [call])[0]


def run_all(client: "Redis", calls: Sequence[Call]) -> list[Any]:
    """Run scripts in their order, in one round trip; see ``worker.lua.run_all``."""
    # All are loaded at once: with only some, a pop would run before the settlement that was sent ahead of it.
    return lua.run_all(client, calls, _EVERY)
