"""Who may do what at Redis: the users of ``deploy/redis/users.acl``, each with the least that it needs.

``python -m worker.devtools.acl`` writes the file from this table, and a worker checks its part of the table
when it starts.
"""

from dataclasses import replace

from worker.process.grants import (
    ANSWERS,
    COMMANDS,
    PRIORITIES,
    QUERIES,
    RUN,
    VERSIONS,
    Grant,
    Role,
    lists,
    read_answers,
    send,
    take,
)

_CONNECT = ("ping", "client", "multi", "exec", "discard")
_LISTEN = ("subscribe", "unsubscribe")
_WORK = (*_CONNECT, "client|tracking", "script|load", "script|exists", "time", "info", "publish", *RUN)
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
_STREAM, _POSITIONS, _LEDGER = "plugin.events", "plugin.events:revisions", "plugin.events:bytes"
_PUBLISH_EVENTS = (
    Grant("events", "publish events: the script", (_STREAM, _POSITIONS, _LEDGER), RUN),
    Grant("events", "add events, and trim", (_STREAM,), ("xadd", "xtrim", "xlen", "xrange", "xrevrange")),
    Grant("events", "positions on the stream", (_POSITIONS,), ("hget", "hmget", "hset")),
    Grant("events", "how large it is", (_LEDGER,), ("lindex", "lset", "llen", "lpop", "rpush", "del")),
    # Asked for in one command: a right to each of the two is none to both.
    Grant("events", "is there any", (_STREAM, _LEDGER), ("exists",)),
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

_HELD = tuple(f"{family}:unacked" for family in ("plugin.commands*", *QUERIES, *VERSIONS)) + _POISON

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
            *take(*COMMANDS),
            *send(COMMANDS),
            *_STORE_ANSWERS,
            *_PUBLISH_EVENTS,
            Grant("broker", "the number of partitions", ("plugin.commands:partitions",), ("get", "set")),
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
            Grant("events", "tell refusals", ("plugin.rejections",), ("xadd",), writes_only=True),
        ),
        _WORK,
        (f"{ANSWERS}*", _EVENTS_OF_CELERY),
    ),
    Role(
        "queries",
        "workers of `plugin.queries`",
        (*take(*QUERIES), *send(QUERIES, VERSIONS), *_STORE_ANSWERS, *_BUDGETS),
        _WORK,
        (f"{ANSWERS}*", _EVENTS_OF_CELERY),
    ),
    Role(
        "versions",
        "workers of `plugin.versions`",
        (
            *take(*VERSIONS),
            *send(VERSIONS),
            *_STORE_ANSWERS,
            *_PUBLISH_EVENTS,
            *_BUDGETS,
            *_subscribe("versions"),
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
            Grant("broker", "how much waits", lists((*COMMANDS, *QUERIES, *VERSIONS)), ("llen", "exists")),
            Grant("broker", "dead-letters drain: scripts too", _POISON, (*RUN, "lindex", "ltrim")),
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
            Grant("events", "show events and their groups", (_STREAM,), ("xread", "xinfo|groups")),
            Grant(
                "events",
                "what fills it",
                (*lists((*COMMANDS, *QUERIES, *VERSIONS)), *_HELD, _STREAM, _POSITIONS, "plugin.rejections"),
                ("memory|usage",),
            ),
            Grant("events", "compare with the stream", ("plugin.events:revisions",), ("hscan",)),
            Grant(
                "events",
                "is there a sweep",
                ("plugin.events:sweeper", "plugin.events:compared"),
                ("exists", "get"),
            ),
        ),
        (*_CONNECT, *_LISTEN, "scan", "pubsub|numsub", "time", "info", "script|load", "script|exists", *RUN),
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
        Grant("broker", "how much waits", lists((*COMMANDS, *QUERIES, *VERSIONS)), ("llen",)),
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
