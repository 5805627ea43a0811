"""Rights at Redis: grants of commands on keys, and those that belong together to do one thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.events import STREAM
from contracts.partition import COMMANDS, QUERIES, VERSIONS
from worker.events.positions import LAST_REVISIONS
from worker.events.script import LEDGER
from worker.tasks.answer_store import COUNTED_ANSWERS

Server = Literal["broker", "results", "events"]
"""The Redis of the commands, of the answers, or of the events; most deployments have one for all."""

PRIORITIES = "[^.:][^.:][369]"
"""Behind the name of a queue, the list of another priority: two control characters, which a file of ACLs
cannot quote, and the priority.
"""
_NUMBERS = ("[0-9]", "[0-9][0-9]", "[0-9][0-9][0-9]", "10[0-9][0-9]")

COMMAND_QUEUES = (COMMANDS, *(f"{COMMANDS}.{number}" for number in _NUMBERS))
"""Patterns of the queues of all partitions."""

QUERY_QUEUES = (QUERIES,)
VERSION_QUEUES = (VERSIONS,)
EVERY_QUEUE = (*COMMAND_QUEUES, *QUERY_QUEUES, *VERSION_QUEUES)

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


def subscribe(group: str) -> tuple[Grant, ...]:
    """Return what reads events with a group: see ``contracts.subscriber``."""
    with_a_group = ("xgroup|create", "xreadgroup", "xack", "xpending", "xautoclaim")
    return (
        Grant("events", "read events with a group", (STREAM,), with_a_group),
        Grant("events", "what it has seen", (f"plugin.events:seen:{group}",), ("exists", "hget", "hset")),
    )


STORE_ANSWERS = (
    Grant("results", "store answers: the scripts", (f"{ANSWERS}*", COUNTED_ANSWERS), RUN),
    Grant("results", "store answers", (f"{ANSWERS}*",), ("setex", "strlen", "del"), writes_only=True),
    Grant(
        "results",
        "the list of large answers",
        (COUNTED_ANSWERS,),
        ("type", "del", "expire", "zadd", "zrem", "zscore", "zrangebyscore"),
    ),
)
PUBLISH_EVENTS = (
    Grant("events", "publish events: the script", (STREAM, LAST_REVISIONS, LEDGER), RUN),
    Grant("events", "add events, and trim", (STREAM,), ("xadd", "xtrim", "xlen", "xrange", "xrevrange")),
    Grant("events", "positions on the stream", (LAST_REVISIONS,), ("hget", "hmget", "hset")),
    Grant("events", "how large it is", (LEDGER,), ("lindex", "lset", "llen", "lpop", "rpush", "del")),
    # Asked for in one command: a right to each of the two is none to both.
    Grant("events", "is there any", (STREAM, LEDGER), ("exists",)),
)
BUDGETS = (
    Grant(
        "events",
        "budgets of registries",
        ("plugin.registries:*",),
        (
            *RUN,
            *("hgetall", "hset", "pexpire", "zrange", "zincrby"),
            *("zadd", "zrem", "zscore", "zcard", "zremrangebyscore"),
        ),
    ),
)
