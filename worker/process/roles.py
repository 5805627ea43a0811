"""Who may do what at Redis: the users of ``deploy/redis/users.acl``, each with the least that it needs.

``python -m worker.devtools.acl`` writes the file from this table, and a worker checks its part of the table
when it starts.
"""

from contracts.events import REJECTIONS, STREAM
from worker.events.positions import LAST_REVISIONS
from worker.process.grants import (
    ANSWERS,
    BUDGETS,
    COMMAND_QUEUES,
    EVERY_QUEUE,
    PUBLISH_EVENTS,
    QUERY_QUEUES,
    RUN,
    STORE_ANSWERS,
    VERSION_QUEUES,
    Grant,
    Role,
    lists,
    read_answers,
    send,
    subscribe,
    take,
)
from worker.process.partitions import PARTITIONS

HELPFUL = ("client", "client|tracking", "info", "memory|usage", "xgroup|delconsumer", "xinfo|consumers")
"""Commands that nothing depends on; a hosted Redis, or an older file of users, may refuse them.

Without CLIENT TRACKING, queues are asked 25 times a second; without INFO, nobody knows how much memory Redis
has; without the last two, consumers that are gone stay in their group.
"""

CONNECT = ("ping", "client", "multi", "exec", "discard")
LISTEN = ("subscribe", "unsubscribe")
_WORK = (*CONNECT, "client|tracking", "script|load", "script|exists", "time", "info", "publish", *RUN)
_LOOK = ("scan", "dbsize", "pubsub|numsub", "time", "info")
EVENTS_OF_CELERY = "/0.celeryev/*"

_FAMILIES = ("plugin.commands*", *QUERY_QUEUES, *VERSION_QUEUES)
_POISON = tuple(f"{family}:poison" for family in _FAMILIES)
_HELD = (*(f"{family}:unacked" for family in _FAMILIES), *_POISON)

_PUBLISHER = (*send(COMMAND_QUEUES, QUERY_QUEUES), read_answers())


ROLES = (
    Role("publisher", "sends commands and reads answers", _PUBLISHER, (*CONNECT, *LISTEN), (f"{ANSWERS}*",)),
    Role(
        "billing",
        "the same, for command ids that begin with `billing.`: reads no other answers",
        (*send(COMMAND_QUEUES, QUERY_QUEUES), read_answers("billing.")),
        (*CONNECT, *LISTEN),
        (f"{ANSWERS}billing.*",),
    ),
    Role(
        "subscriber",
        "reads events and rejections",
        (
            *subscribe("*"),
            Grant(
                "events",
                "remove idle consumers of a group",
                (STREAM,),
                ("xinfo|consumers", "xgroup|delconsumer", "xclaim"),
            ),
            Grant(
                "events",
                "read without a group; the end, for a snapshot",
                (STREAM, REJECTIONS),
                ("xread", "xrange", "xrevrange"),
            ),
        ),
        CONNECT,
    ),
    Role("beat", "sends the tick of the versions", send(VERSION_QUEUES), CONNECT),
    Role(
        "commands",
        "workers of `plugin.commands` and its partitions",
        (
            *take(*COMMAND_QUEUES),
            *send(COMMAND_QUEUES),
            *STORE_ANSWERS,
            *PUBLISH_EVENTS,
            Grant("broker", "the number of partitions", (PARTITIONS,), ("get", "set")),
            Grant(
                "broker", "keep what was parked: scripts too", _POISON, (*RUN, "exists", "lindex", "ltrim")
            ),
            Grant(
                "events",
                "whose turn it is to sweep",
                ("plugin.events:sweeper",),
                ("get", "set", "pexpire", "del"),
            ),
            Grant("events", "what was compared", ("plugin.events:compared",), ("get", "set")),
            Grant("events", "tell refusals", (REJECTIONS,), ("xadd",), writes_only=True),
        ),
        _WORK,
        (f"{ANSWERS}*", EVENTS_OF_CELERY),
    ),
    Role(
        "queries",
        "workers of `plugin.queries`",
        (*take(*QUERY_QUEUES), *send(QUERY_QUEUES, VERSION_QUEUES), *STORE_ANSWERS, *BUDGETS),
        _WORK,
        (f"{ANSWERS}*", EVENTS_OF_CELERY),
    ),
    Role(
        "versions",
        "workers of `plugin.versions`",
        (
            *take(*VERSION_QUEUES),
            *send(VERSION_QUEUES),
            *STORE_ANSWERS,
            *PUBLISH_EVENTS,
            *BUDGETS,
            *subscribe("versions"),
        ),
        _WORK,
        (f"{ANSWERS}*", EVENTS_OF_CELERY),
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
            Grant("broker", "how much waits", lists(EVERY_QUEUE), ("llen", "exists")),
            Grant("broker", "dead-letters drain: scripts too", _POISON, (*RUN, "lindex", "ltrim")),
            Grant("broker", "dead-letters replay", lists(VERSION_QUEUES), ("lpush",), writes_only=True),
            Grant(
                "broker",
                "partitions set: the script",
                (
                    PARTITIONS,
                    *lists(COMMAND_QUEUES),
                    *(f"plugin.commands*:{p}" for p in ("unacked", "poison", "lease")),
                ),
                RUN,
            ),
            Grant("broker", "partitions set", (PARTITIONS,), ("set",)),
            *PUBLISH_EVENTS,
            *BUDGETS,
            Grant("events", "show events and their groups", (STREAM,), ("xread", "xinfo|groups")),
            Grant(
                "events",
                "what fills it",
                (*lists(EVERY_QUEUE), *_HELD, STREAM, LAST_REVISIONS, REJECTIONS),
                ("memory|usage",),
            ),
            Grant("events", "how many refusals", (REJECTIONS,), ("xlen",)),
            Grant("events", "compare with the stream", (LAST_REVISIONS,), ("hscan",)),
            Grant(
                "events",
                "is there a sweep",
                ("plugin.events:sweeper", "plugin.events:compared"),
                ("exists", "get"),
            ),
        ),
        (*CONNECT, *LISTEN, *_LOOK, "script|load", "script|exists", *RUN),
        (f"{ANSWERS}*",),
    ),
)
