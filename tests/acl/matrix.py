"""Every command of Redis with every kind of key: which of them a user may run.

`python -m tests.acl.matrix` writes allowed.json again; read what it changes.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis import Redis

from tests.support.guarded import GuardedRedis
from worker.process.roles import ROLES

ALLOWED = Path(__file__).with_name("allowed.json")

_PARTS = ("lease", "unacked", "returned", "waiting", "poison", "doorbell", "consumers")
_QUEUES = (
    "plugin.commands",
    "plugin.commands.3",
    "plugin.commands.1023",
    "plugin.queries",
    "plugin.versions",
)
KEYS = (
    *_QUEUES,
    *(f"{queue}\x06\x166" for queue in _QUEUES),
    *(f"{queue}:{part}" for queue in _QUEUES for part in _PARTS),
    "plugin.commands:partitions",
    "plugin.commands.1024",
    "plugin.commands.x",
    "plugin.events",
    "plugin.events:bytes",
    "plugin.events:compared",
    "plugin.events:revisions",
    "plugin.events:seen:billing",
    "plugin.events:seen:versions",
    "plugin.events:sweeper",
    "plugin.answers:large",
    "plugin.rejections",
    "plugin.registries:ghcr.io",
    "plugin.registries:ghcr.io:slots",
    "celery-task-meta-7",
    "celery-task-meta-7:random",
    "celery-task-meta-billing.7",
    *(f"_kombu.{kind}.{queue}" for kind in ("binding", "binding_permanent") for queue in _QUEUES),
    "_kombu.binding.celery.pidbox",
    "_kombu.binding_deadlines",
    "unacked",
    "unacked_index",
    "unacked_mutex",
    "w@host.celery.pidbox",
    "reply.celery.pidbox",
    "anything",
)
CHANNELS = (
    "celery-task-meta-7",
    "celery-task-meta-billing.7",
    "/0.celery.pidbox",
    "/0.reply.celery.pidbox",
    "/0.celeryev/worker.heartbeat",
    "/1.celery.pidbox",
    "*",
    "celery-task-meta-*",
    "/0.celeryev/*",
    "anything",
)
_SHAPES = {
    "bitop": "AND {} {}",
    "blmpop": "0 1 {} LEFT",
    "bzmpop": "0 1 {} MIN",
    "eval": "x 1 {}",
    "eval_ro": "x 1 {}",
    "evalsha": "x 1 {}",
    "evalsha_ro": "x 1 {}",
    "fcall": "x 1 {}",
    "fcall_ro": "x 1 {}",
    "georadius": "{} 0 0 1 m STORE {}",
    "georadiusbymember": "{} x 1 m STORE {}",
    "lmpop": "1 {} LEFT",
    "migrate": "h 1 {} 0 1",
    "sintercard": "1 {}",
    "sort": "{} STORE {}",
    "xread": "STREAMS {} 0",
    "xreadgroup": "GROUP g c STREAMS {} >",
    "zdiff": "1 {}",
    "zdiffstore": "{} 1 {}",
    "zinter": "1 {}",
    "zintercard": "1 {}",
    "zinterstore": "{} 1 {}",
    "zmpop": "1 {} MIN",
    "zunion": "1 {}",
    "zunionstore": "{} 1 {}",
}
_OF_CHANNELS = ("publish", "spublish", "subscribe", "ssubscribe", "psubscribe")


def shown(key: str) -> str:
    return key.replace("\x06\x16", "+")


def _commands(client: Redis) -> Iterator[tuple[str, int, int, int]]:
    """Each command of this Redis: its name, arity, and the places of its first and last key."""
    told: Any = client.execute_command("COMMAND")  # type: ignore[no-untyped-call]  # redis-py does not type it
    rows = told.values() if isinstance(told, dict) else told
    for row in rows:
        yield from _with_subcommands(row)


def _with_subcommands(row: Any) -> Iterator[tuple[str, int, int, int]]:
    name, subcommands = row[0], row[9]
    if subcommands:
        for each in subcommands:
            yield from _with_subcommands(each)
    else:
        yield name, abs(row[1]), row[3], row[4]


def _tries(name: str, arity: int, first: int, last: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each key, as it is shown, with the words of the command."""
    words = tuple(name.split("|"))
    if name in _OF_CHANNELS:
        more = ("x",) if name.endswith("publish") else ()
        yield from ((channel, (*words, channel, *more)) for channel in CHANNELS)
    elif name in _SHAPES:
        for key in KEYS:
            yield shown(key), (*words, *(word.format(key) for word in _SHAPES[name].split()))
    elif first == 0:
        yield "", (*words, *["0"] * (arity - len(words)))
    else:
        for key in KEYS:
            end = arity - 1 if last == -1 else max(last, first)
            arguments = ["0"] * (first - len(words)) + [key] * (max(end, first) - first + 1)
            yield shown(key), (*words, *arguments, *["0"] * (arity - len(words) - len(arguments)))


def allowed(server: GuardedRedis) -> dict[str, dict[str, str]]:
    """What each user may do: the keys of each command, joined."""
    with server.client(decode_responses=True) as admin:
        admin.set_response_callback("COMMAND", lambda reply, **_: reply)
        tries = [(n, key, w) for n, *rest in _commands(admin) for key, w in _tries(n, *rest)]
        found: dict[str, dict[str, str]] = {}
        for role in ROLES:
            keys: dict[str, list[str]] = {}
            with admin.pipeline(transaction=False) as pipe:
                for _, _, words in tries:
                    pipe.execute_command("ACL", "DRYRUN", role.name, *words)
                replies = pipe.execute(raise_on_error=False)
            for (name, key, words), reply in zip(tries, replies, strict=True):
                if isinstance(reply, Exception):
                    raise AssertionError(f"{words}: {reply}")
                if reply in ("OK", True):
                    keys.setdefault(name, []).append(key)
            found[role.name] = {name: " ".join(keys[name]) for name in sorted(keys)}
    return found


def dump(found: dict[str, dict[str, str]]) -> str:
    return json.dumps(found, indent=1) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        redis = GuardedRedis(Path(folder) / "redis")
        redis.start()
        ALLOWED.write_text(dump(allowed(redis)))
        redis.stop()
