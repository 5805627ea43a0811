"""Rights at Redis: grants of commands on keys, and what sends, takes and answers messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Server = Literal["broker", "results", "events"]
"""The Redis of the commands, of the answers, or of the events; most deployments have one for all."""

PRIORITIES = "[^.:][^.:][369]"
"""Behind the name of a queue, the list of another priority: two control characters, which a file of ACLs
cannot quote, and the priority.
"""
_NUMBERS = ("[0-9]", "[0-9][0-9]", "[0-9][0-9][0-9]", "10[0-9][0-9]")

COMMANDS = ("plugin.commands", *(f"plugin.commands.{number}" for number in _NUMBERS))
QUERIES = ("plugin.queries",)
VERSIONS = ("plugin.versions",)
ANSWERS = "celery-task-meta-"

RUN = ("eval", "evalsha")
"""A script may touch what its user may: these give the keys that it may be called with, and nothing more."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Commands that a user may run on keys, or without keys.

    ``server``: where. ``why``: what for. ``keys``: patterns, as Redis's ACLs have them. ``writes_only``: the
    commands cannot read what the keys hold.
    """

    server: Server
    why: str
    keys: tuple[str, ...]
    commands: tuple[str, ...]
    writes_only: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A user of Redis.

    ``who``: who that is. ``free``: commands without a key, at every server. ``channels``: patterns of what
    it may publish to and listen to.
    """

    name: str
    who: str
    grants: tuple[Grant, ...]
    free: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


def lists(queues: Sequence[str]) -> tuple[str, ...]:
    """Return the lists of ``queues``, of every priority."""
    return tuple(f"{name}{end}" for name in queues for end in ("", PRIORITIES))


def send(*families: Sequence[str]) -> tuple[Grant, ...]:
    """Return what sends messages to queues, as Celery does."""
    names = [name for queues in families for name in queues]
    bindings = tuple(f"_kombu.{kind}.{name}" for name in names for kind in ("binding", "binding_permanent"))
    return (
        Grant("broker", "send messages", lists(names), ("lpush", "llen"), writes_only=True),
        Grant("broker", "Celery's table of queues", bindings, ("sadd",), writes_only=True),
    )


def read_answers(prefix: str = "") -> Grant:
    """Return what reads and forgets the answers to commands whose ids begin with ``prefix``."""
    return Grant("results", "read answers", (f"{ANSWERS}{prefix}*",), ("get", "mget", "del"))


def take(*queues: str) -> tuple[Grant, ...]:
    """Return what takes messages of queues, and settles them: see ``worker.transport.keys``."""
    family = queues[0] + ("*" if len(queues) > 1 else "")
    parts = ("lease", "unacked", "returned", "waiting", "poison", "doorbell", "consumers")
    every = tuple(f"{family}:{part}" for part in parts)
    lease, unacked, returned, waiting, poison, doorbell, consumers = every
    return (
        Grant("broker", "take, settle and give back: the scripts", (*lists(queues), *every), RUN),
        Grant("broker", "the messages", lists(queues), ("rpop", "rpush", "lpush", "llen", "exists")),
        Grant("broker", "the lease", (lease,), ("hmget", "hget", "hset", "hdel")),
        Grant("broker", "who consumes", (consumers,), ("zadd", "zrem", "zscore", "zrangebyscore")),
        Grant(
            "broker", "what is in work", (unacked,), ("hget", "hset", "hdel", "hkeys", "hexists", "exists")
        ),
        Grant("broker", "deaths", (returned,), ("hget", "hset", "hdel", "exists")),
        Grant("broker", "what waits", (waiting,), ("sadd", "srem", "sismember", "exists")),
        Grant("broker", "park", (poison,), ("lpush",)),
        Grant("broker", "wake a standby", (doorbell,), ("set", "exists")),
    )
