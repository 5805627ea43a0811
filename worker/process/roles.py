"""Who may do what at Redis: the users of ``deploy/redis/users.acl``, each with the least that it needs.

``python -m worker.devtools.acl`` writes the file from this table, and a worker checks its part of the table
when it starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Server = Literal["broker", "results", "events"]
"""The Redis of the commands, of the answers, or of the events; most deployments have one for all."""

_PRIORITIES = "[^.:][^.:][369]"
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
    return tuple(f"{name}{end}" for name in queues for end in ("", _PRIORITIES))


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


def _take(*queues: str) -> tuple[Grant, ...]:
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


_CONNECT = ("ping", "client", "multi", "exec", "discard")
_LISTEN = ("subscribe", "unsubscribe")
_WORK = (*_CONNECT, "client|tracking", "script|load", "script|exists", "time", "publish", *RUN)
_EVENTS_OF_CELERY = "/0.celeryev/*"

_STORE_ANSWERS = (
    Grant("results", "store answers: the script", (f"{ANSWERS}*", "plugin.answers:large"), RUN),
    Grant("results", "store answers", (f"{ANSWERS}*",), ("setex",), writes_only=True),
)
_PUBLISH_EVENTS = (
    Grant(
        "events",
        "publish events: the script",
        ("plugin.events", "plugin.events:revisions", "plugin.events:bytes"),
        RUN,
    ),
    Grant("events", "add events", ("plugin.events",), ("xadd",), writes_only=True),
    Grant("events", "positions on the stream", ("plugin.events:revisions",), ("hget", "hmget", "hset")),
)
_BUDGETS = (
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
_POISON = tuple(f"{family}:poison" for family in ("plugin.commands*", *QUERIES, *VERSIONS))

_PUBLISHER = (*send(COMMANDS, QUERIES), read_answers())


def _subscribe(group: str) -> tuple[Grant, ...]:
    with_a_group = ("xgroup|create", "xreadgroup", "xack", "xpending", "xautoclaim")
    return (
        Grant("events", "read events with a group", ("plugin.events",), with_a_group),
        Grant("events", "what it has seen", (f"plugin.events:seen:{group}",), ("exists", "hget", "hset")),
    )


ROLES = (
    Role(
        "publisher", "sends commands and reads answers", _PUBLISHER, (*_CONNECT, *_LISTEN), (f"{ANSWERS}*",)
    ),
    Role(
        "billing",
        "the same, for command ids that begin with `billing.`: reads no other answers",
        (*send(COMMANDS, QUERIES), read_answers("billing.")),
        (*_CONNECT, *_LISTEN),
        (f"{ANSWERS}billing.*",),
    ),
    Role(
        "subscriber",
        "reads events and rejections",
        (
            *_subscribe("*"),
            Grant(
                "events",
                "read without a group; the end, for a snapshot",
                ("plugin.events", "plugin.rejections"),
                ("xread", "xrange", "xrevrange"),
            ),
        ),
        ("ping", "client"),
    ),
    Role("beat", "sends the tick of the versions", send(VERSIONS), _CONNECT),
    Role(
        "commands",
        "workers of `plugin.commands` and its partitions",
        (
            *_take(*COMMANDS),
            *send(COMMANDS),
            *_STORE_ANSWERS,
            *_PUBLISH_EVENTS,
            Grant("broker", "the number of partitions", ("plugin.commands:partitions",), ("get", "set")),
            Grant("broker", "keep what was parked", _POISON, ("exists", "lindex", "lrem")),
            Grant(
                "events",
                "whose turn it is to sweep",
                ("plugin.events:sweeper",),
                ("get", "set", "pexpire", "del"),
            ),
            Grant("events", "what was compared", ("plugin.events:compared",), ("get", "set")),
            Grant("events", "tell refusals", ("plugin.rejections",), ("xadd",), writes_only=True),
        ),
        (*_WORK, "info"),
        (f"{ANSWERS}*", _EVENTS_OF_CELERY),
    ),
    Role(
        "queries",
        "workers of `plugin.queries`",
        (*_take(*QUERIES), *send(QUERIES, VERSIONS), *_STORE_ANSWERS, *_BUDGETS),
        _WORK,
        (f"{ANSWERS}*", _EVENTS_OF_CELERY),
    ),
    Role(
        "versions",
        "workers of `plugin.versions`",
        (
            *_take(*VERSIONS),
            *send(VERSIONS),
            *_STORE_ANSWERS,
            *_PUBLISH_EVENTS,
            *_BUDGETS,
            *_subscribe("versions"),
        ),
        (*_WORK, "info"),
        (f"{ANSWERS}*", _EVENTS_OF_CELERY),
    ),
    Role(
        "operator",
        "the command line",
        (
            *_PUBLISHER,
            Grant(
                "broker",
                "look at the queues",
                tuple(
                    f"plugin.{name}:{part}"
                    for name in ("commands*", "queries", "versions")
                    for part in ("lease", "unacked", "poison", "consumers", "partitions")
                ),
                ("hmget", "hlen", "llen", "zrangebyscore", "exists", "get", "lindex"),
            ),
            Grant("broker", "how much waits", lists((*COMMANDS, *QUERIES, *VERSIONS)), ("llen", "exists")),
            Grant("broker", "dead-letters drain", _POISON, ("lrem",)),
            Grant("broker", "dead-letters replay", lists(VERSIONS), ("lpush",), writes_only=True),
            Grant(
                "broker",
                "partitions set: the script",
                (
                    "plugin.commands:partitions",
                    *lists(COMMANDS),
                    *(f"plugin.commands*:{p}" for p in ("unacked", "poison", "lease")),
                ),
                RUN,
            ),
            Grant("broker", "partitions set", ("plugin.commands:partitions",), ("set",)),
            *_PUBLISH_EVENTS,
            *_BUDGETS,
            Grant("events", "show events", ("plugin.events",), ("xread", "xrange", "xrevrange", "xlen")),
            Grant("events", "compare with the stream", ("plugin.events:revisions",), ("hscan",)),
            Grant(
                "events",
                "is there a sweep",
                ("plugin.events:sweeper", "plugin.events:compared"),
                ("exists", "get"),
            ),
        ),
        (*_CONNECT, *_LISTEN, "scan", "time", "info", "script|load", "script|exists", *RUN),
        (f"{ANSWERS}*",),
    ),
)

_PANEL_CHANNEL = "/0.celery.pidbox"
_REPLIES = "*.reply.celery.pidbox"
_ANSWER_THE_PANEL = Grant(
    "broker", "answer what the panel is asked", (_REPLIES,), ("lpush", "expire", "ltrim"), writes_only=True
)
_FLOWER = Role(
    "flower",
    "Flower and `celery inspect`, where the panel is open",
    (
        Grant(
            "broker",
            "read answers of workers",
            (_REPLIES, f"{_REPLIES}{_PRIORITIES}"),
            ("brpop", "llen", "del"),
        ),
        Grant("broker", "how much waits", lists((*COMMANDS, *QUERIES, *VERSIONS)), ("llen",)),
    ),
    (*_CONNECT, *_LISTEN, "psubscribe", "punsubscribe", "publish"),
    (_PANEL_CHANNEL, _EVENTS_OF_CELERY),
)


def with_panel() -> tuple[Role, ...]:
    """Return the roles of a deployment with ``PLUGINS_REMOTE_CONTROL=1``."""
    workers = {"commands", "queries", "versions"}
    return (
        *(
            replace(
                role,
                grants=(*role.grants, _ANSWER_THE_PANEL),
                free=(*role.free, *_LISTEN),
                channels=(*role.channels, _PANEL_CHANNEL),
            )
            if role.name in workers
            else role
            for role in ROLES
        ),
        _FLOWER,
    )
