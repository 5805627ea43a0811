"""Who may do what at Redis: the users of ``deploy/redis/users.acl``, each with the least that it needs.

``python -m worker.devtools.acl`` writes the file from this table, and a worker checks its part of the table
when it starts.
"""

from dataclasses import replace

from contracts.events import REJECTIONS, STREAM
from worker.events.publish import LAST_REVISIONS
from worker.events.script import LEDGER
from worker.process.grants import (
    ANSWERS,
    COMMAND_QUEUES,
    EVERY_QUEUE,
    PRIORITIES,
    QUERY_QUEUES,
    RUN,
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

_CONNECT = ("ping", "client", "multi", "exec", "discard")
_LISTEN = ("subscribe", "unsubscribe")
_WORK = (*_CONNECT, "client|tracking", "script|load", "script|exists", "time", "info", "publish", *RUN)
_LOOK = ("scan", "dbsize", "pubsub|numsub", "time", "info")
_EVENTS_OF_CELERY = "/0.celeryev/*"

_LARGE = "plugin.answers:large"
_STORE_ANSWERS = (
    Grant("results", "store answers: the scripts", (f"{ANSWERS}*", _LARGE), RUN),
    Grant("results", "store answers", (f"{ANSWERS}*",), ("setex", "strlen", "del"), writes_only=True),
    Grant(
        "results",
        "the list of large answers",
        (_LARGE,),
        ("type", "del", "expire", "zadd", "zrem", "zscore", "zrangebyscore"),
    ),
)
_PUBLISH_EVENTS = (
    Grant("events", "publish events: the script", (STREAM, LAST_REVISIONS, LEDGER), RUN),
    Grant("events", "add events, and trim", (STREAM,), ("xadd", "xtrim", "xlen", "xrange", "xrevrange")),
    Grant("events", "positions on the stream", (LAST_REVISIONS,), ("hget", "hmget", "hset")),
    Grant("events", "how large it is", (LEDGER,), ("lindex", "lset", "llen", "lpop", "rpush", "del")),
    # Asked for in one command: a right to each of the two is none to both.
    Grant("events", "is there any", (STREAM, LEDGER), ("exists",)),
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
_FAMILIES = ("plugin.commands*", *QUERY_QUEUES, *VERSION_QUEUES)
_POISON = tuple(f"{family}:poison" for family in _FAMILIES)
_HELD = (*(f"{family}:unacked" for family in _FAMILIES), *_POISON)

_PUBLISHER = (*send(COMMAND_QUEUES, QUERY_QUEUES), read_answers())


ROLES = (
    Role(
        "publisher", "sends commands and reads answers", _PUBLISHER, (*_CONNECT, *_LISTEN), (f"{ANSWERS}*",)
    ),
    Role(
        "billing",
        "the same, for command ids that begin with `billing.`: reads no other answers",
        (*send(COMMAND_QUEUES, QUERY_QUEUES), read_answers("billing.")),
        (*_CONNECT, *_LISTEN),
        (f"{ANSWERS}billing.*",),
    ),
    Role(
        "subscriber",
        "reads events and rejections",
        (
            *subscribe("*"),
            Grant(
                "events",
                "read without a group; the end, for a snapshot",
                (STREAM, REJECTIONS),
                ("xread", "xrange", "xrevrange"),
            ),
        ),
        ("ping", "client"),
    ),
    Role("beat", "sends the tick of the versions", send(VERSION_QUEUES), _CONNECT),
    Role(
        "commands",
        "workers of `plugin.commands` and its partitions",
        (
            *take(*COMMAND_QUEUES),
            *send(COMMAND_QUEUES),
            *_STORE_ANSWERS,
            *_PUBLISH_EVENTS,
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
        (f"{ANSWERS}*", _EVENTS_OF_CELERY),
    ),
    Role(
        "queries",
        "workers of `plugin.queries`",
        (*take(*QUERY_QUEUES), *send(QUERY_QUEUES, VERSION_QUEUES), *_STORE_ANSWERS, *_BUDGETS),
        _WORK,
        (f"{ANSWERS}*", _EVENTS_OF_CELERY),
    ),
    Role(
        "versions",
        "workers of `plugin.versions`",
        (
            *take(*VERSION_QUEUES),
            *send(VERSION_QUEUES),
            *_STORE_ANSWERS,
            *_PUBLISH_EVENTS,
            *_BUDGETS,
            *subscribe("versions"),
        ),
        _WORK,
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
            *_PUBLISH_EVENTS,
            *_BUDGETS,
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
        (*_CONNECT, *_LISTEN, *_LOOK, "script|load", "script|exists", *RUN),
        (f"{ANSWERS}*",),
    ),
)

_PANEL_CHANNEL = "/0.celery.pidbox"
_REPLIES = "*.reply.celery.pidbox"
_ANSWER_THE_PANEL = Grant(
    "broker", "answer what the panel is asked", (_REPLIES,), ("lpush", "expire", "ltrim"), writes_only=True
)
_BINDINGS = tuple(
    f"_kombu.{kind}.{name}"
    for kind in ("binding", "binding_permanent")
    for name in ("celery.pidbox", "reply.celery.pidbox", "celeryev", "")
)
_MAILBOXES = tuple(f"{name}{end}" for name in (_REPLIES, "celeryev.*") for end in ("", PRIORITIES))
_SORTED = ("zadd", "zrem", "zrange", "zrangebyscore", "zrevrangebyscore")
_FLOWER = Role(
    "flower",
    "Flower and `celery inspect`, where the panel is open",
    (
        Grant("broker", "read what workers answer", _MAILBOXES, ("brpop", "llen", "del")),
        Grant(
            "broker",
            "Celery's table of mailboxes",
            (*_BINDINGS, "_kombu.binding_deadlines"),
            (*RUN, *_SORTED, "sadd", "srem", "smembers"),
        ),
        Grant(
            "broker",
            "what Celery itself has unacked: nothing",
            ("unacked", "unacked_index", "unacked_mutex"),
            (*RUN, *_SORTED, "set", "get", "del", "watch", "hset", "hget", "hdel"),
        ),
        Grant("broker", "how much waits", lists(EVERY_QUEUE), ("llen",)),
    ),
    (*_CONNECT, *_LISTEN, "psubscribe", "punsubscribe", "publish", "script|load", "script|exists", "time"),
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
