"""A user that lacks one right: the scripts that move messages change nothing, rather than lose or double one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis import Redis

from contracts._redis.outage import redis_outage
from tests.acl.weaker import role, without
from tests.support.guarded import GuardedRedis
from tests.support.seams import take_out
from tests.transport.protections import PROTECTIONS
from worker.devtools.acl import rules
from worker.lua import Call, Script
from worker.transport import scripts
from worker.transport.keys import QueueKeys
from worker.transport.scripts import run_script

COMMANDS, VERSIONS = QueueKeys.of("plugin.commands"), QueueKeys.of("plugin.versions")
ME, GONE = "me:1:1", "gone:1:1"
LARGE = b"large" * 100


def messages(admin: Any, keys: QueueKeys) -> Counter[bytes]:
    """Every message of a queue, wherever it is."""
    found: list[bytes] = [*admin.hvals(keys.unacked)]
    for name in keys.lists:
        found += admin.lrange(name, 0, -1)
    parked: list[bytes] = admin.lrange(keys.poison, 0, -1)
    return Counter([*found, *(element.split(b"\n", 4)[4] for element in parked)])


def pop(keys: QueueKeys, script: Script) -> Call:
    membership = keys.lease if script is scripts.POP else keys.consumers
    names = [membership, keys.unacked, keys.returned, keys.waiting, keys.poison, *keys.lists]
    return Call(script, names, [ME, 5000, 1, 2, 10_000, 100, 5])


def taking(admin: Redis) -> Call:
    """Messages of two priorities wait, one of them too large."""
    admin.lpush(COMMANDS.queue, b"a", LARGE, b"b")
    admin.lpush(COMMANDS.lists[2], b"c")
    return pop(COMMANDS, scripts.POP)


def taking_the_last(admin: Redis) -> Call:
    """Only such of a lower priority wait, one of which was handed out before."""
    admin.lpush(COMMANDS.lists[3], b"a", b"b")
    admin.hset(COMMANDS.returned, "x", 1)
    return pop(COMMANDS, scripts.POP)


def taking_over(admin: Redis) -> Call:
    """What another owner had in work goes back first."""
    admin.lpush(COMMANDS.queue, b"a")
    admin.hset(COMMANDS.lease, mapping={"owner": GONE, "until": 1, "epoch": 1})
    admin.hset(COMMANDS.unacked, mapping={f"{GONE}:1": b"b", f"{GONE}:2": b"c"})
    admin.sadd(COMMANDS.waiting, f"{GONE}:1")
    return pop(COMMANDS, scripts.POP)


def taking_over_shared(admin: Redis) -> Call:
    admin.lpush(VERSIONS.queue, b"a")
    admin.zadd(VERSIONS.consumers, {GONE: 1})
    admin.hset(VERSIONS.unacked, f"{GONE}:1", b"b")
    return pop(VERSIONS, scripts.POP_SHARED)


def settling(action: str, *more: str) -> Callable[[Redis], Call]:
    def prepare(admin: Redis) -> Call:
        admin.hset(COMMANDS.lease, mapping={"owner": ME, "until": 1, "epoch": 1})
        admin.hset(COMMANDS.unacked, f"{ME}:1", b"a")
        names = [COMMANDS.lease, COMMANDS.unacked, COMMANDS.returned, COMMANDS.waiting]
        if action == "park":
            return Call(scripts.PARK, [*names, COMMANDS.poison], [ME, f"{ME}:1", "1", *more])
        moved = [*names, COMMANDS.queue, COMMANDS.returned]
        return Call(scripts.SETTLE, moved, [ME, f"{ME}:1", action, "1", *more])

    return prepare


QUEUE_END = ("plugin.commands", "[369]")
CASES: list[tuple[str, Callable[[Redis], Call], str, str]] = [
    ("commands", taking, "hset", ":unacked"),
    ("commands", taking, "lpush", ":poison"),
    ("commands", taking, "rpush", "[369]"),
    ("commands", taking_the_last, "hget", ":returned"),
    ("commands", taking_the_last, "exists", ":returned"),
    ("commands", taking_over, "hdel", ":unacked"),
    ("commands", taking_over, "hget", ":unacked"),
    ("commands", taking_over, "hset", ":returned"),
    ("commands", taking_over, "hget", ":returned"),
    ("commands", taking_over, "sismember", ":waiting"),
    ("commands", taking_over, "srem", ":waiting"),
    ("commands", taking_over, "rpush", "[369]"),
    ("versions", taking_over_shared, "hdel", ":unacked"),
    ("versions", taking_over_shared, "hset", ":unacked"),
    ("commands", settling("back"), "rpush", "[369]"),
    ("commands", settling("back"), "hset", ":returned"),
    ("commands", settling("failed", "1"), "hget", ":returned"),
    ("commands", settling("park", "fault", "0", ""), "lpush", ":poison"),
    ("commands", settling("park", "fault", "0", ""), "hdel", ":returned"),
    ("commands", settling("forward", "plugin.commands"), "lpush", "[369]"),
]
HARMFUL = {("hset", ":unacked"), ("lpush", ":poison"), ("sismember", ":waiting")}


def outcome(
    guarded: GuardedRedis, who: str, prepare: Callable[[Redis], Call], command: str, key: str
) -> tuple[Counter[bytes], Counter[bytes], str]:
    """The messages before and after three tries, and the error of the last one."""
    guarded.forget()
    with guarded.client() as admin:
        admin.execute_command(
            "ACL",
            "SETUSER",
            "weak",
            "reset",
            *rules(replace(without(role(who), command, end=key), name="weak")),
        )
        admin.execute_command("ACL", "SETUSER", "weak", "on", ">secret-weak")
        call = prepare(admin)
        keys = VERSIONS if who == "versions" else COMMANDS
        before = messages(admin, keys)
        error = ""
        with guarded.client("weak") as client:
            for _ in range(3):
                try:
                    run_script(client, call)
                except redis.ResponseError as refused:
                    error = str(refused)
        after = messages(admin, keys)
        admin.acl_deluser("weak")
    return before, after, error


@pytest.mark.parametrize(("who", "prepare", "command", "key"), CASES)
def test_nothing_is_lost_or_doubled(
    guarded: GuardedRedis, who: str, prepare: Callable[[Redis], Call], command: str, key: str
) -> None:
    before, after, error = outcome(guarded, who, prepare, command, key)
    assert after == before
    outage = redis_outage(redis.ResponseError(error), "")
    told = outage.text if outage.is_refusal else error
    # Whatever a script begins with fails by itself, and Redis does not say which key it was.
    assert command.upper() in told or command == "hdel", told


@pytest.mark.parametrize(
    ("who", "prepare", "command", "key"), [case for case in CASES if (case[2], case[3]) in HARMFUL]
)
def test_without_the_protection_it_would_be(
    guarded: GuardedRedis,
    who: str,
    prepare: Callable[[Redis], Call],
    command: str,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_out(PROTECTIONS, "ask_for_no_rights", monkeypatch.setattr)
    before, after, _ = outcome(guarded, who, prepare, command, key)
    assert after != before
