"""Who may do what at Redis where remote control is open: the users of ``deploy/redis/users-panel.acl``."""

from dataclasses import replace

from worker.process.grants import EVERY_QUEUE, PRIORITIES, RUN, Grant, Role, lists
from worker.process.roles import CONNECT, EVENTS_OF_CELERY, LISTEN, ROLES

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
    (*CONNECT, *LISTEN, "psubscribe", "punsubscribe", "publish", "script|load", "script|exists", "time"),
    (_PANEL_CHANNEL, EVENTS_OF_CELERY),
)


def with_panel() -> tuple[Role, ...]:
    """Return the roles of a deployment with ``PLUGINS_REMOTE_CONTROL=1``."""
    workers = {"commands", "queries", "versions"}
    return (
        *(
            replace(
                role,
                grants=(*role.grants, _ANSWER_THE_PANEL),
                free=(*role.free, *LISTEN),
                channels=(*role.channels, _PANEL_CHANNEL),
            )
            if role.name in workers
            else role
            for role in ROLES
        ),
        _FLOWER,
    )
