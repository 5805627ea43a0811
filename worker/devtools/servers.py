"""The servers of `plugins up`: those that the environment names, else ones of our own."""

import os
from typing import Literal, cast

import click

from worker.devtools.console import Console
from worker.devtools.embedded import (
    Binary,
    MongoReplicaSet,
    RedisServer,
    find_redis,
    ping_mongodb,
    ping_redis,
    port_is_free,
    wait_until,
    without_password,
)
from worker.devtools.rundir import RunDirectory
from worker.devtools.supervisor import Supervisor

REDIS_SETTING, MONGODB_SETTING = "PLUGINS_REDIS_URL", "PLUGINS_MONGODB_URL"
# One for each use of Redis; if all are set, REDIS_SETTING is not needed.
REDIS_OVERRIDES = ("PLUGINS_BROKER_URL", "PLUGINS_RESULTS_URL", "PLUGINS_EVENTS_URL")
# How long the port of a server that was just killed stays taken.
PORT_GRACE_S = 3.0


def ensure_redis(
    supervisor: Supervisor, console: Console, folder: RunDirectory, *, port: int, appendfsync: str
) -> str:
    """Return the URL of the Redis to use, started here unless the environment names one."""
    for name in (REDIS_SETTING, *REDIS_OVERRIDES):
        if url := os.environ.get(name):
            ping_redis(url)
            _say_joined(console, "Redis", name, url)
    if settings := redis_settings():
        return os.environ[settings[0]]
    binary = find_redis()
    require_port("Redis", port, "--redis-port", "REDIS_PORT", REDIS_SETTING)
    server = RedisServer(
        folder.redis,
        port=port,
        appendfsync=cast(Literal["always", "everysec", "no"], appendfsync),
        binary=binary,
        log=folder.logs / "redis.log",
    )
    supervisor.keep(server, shown=False)
    _say_started(console, "Redis", server.url, binary)
    return server.url


def redis_settings() -> tuple[str, ...]:
    """Return the variables that name every Redis of this deployment; none if one has to be started here."""
    if os.environ.get(REDIS_SETTING):
        return (REDIS_SETTING,)
    return REDIS_OVERRIDES if all(os.environ.get(name) for name in REDIS_OVERRIDES) else ()


def ensure_mongodb(supervisor: Supervisor, console: Console, folder: RunDirectory, *, port: int) -> str:
    """Return the URL of the MongoDB to use, started here unless the environment names one."""
    if url := os.environ.get(MONGODB_SETTING):
        ping_mongodb(url)
        _say_joined(console, "MongoDB", MONGODB_SETTING, url)
        return url
    replica_set = MongoReplicaSet(folder.mongodb, ports=[port], log=folder.logs / "mongodb.log", cache_gb=0.5)
    require_port("MongoDB", port, "--mongodb-port", "MONGODB_PORT", MONGODB_SETTING)
    supervisor.keep(replica_set.members[0], shown=False, first_start=replica_set.start)
    _say_started(console, "MongoDB", replica_set.url(), replica_set.members[0].binary)
    return replica_set.url()


def require_port(product: str, port: int, option: str, make_variable: str, setting: str) -> None:
    """Make sure that a server can listen on ``port``.

    Raises:
        click.ClickException: it is taken; the message says what to do.
    """
    try:
        wait_until(lambda: port_is_free(port), PORT_GRACE_S)
    except TimeoutError:
        raise click.ClickException(
            f"port {port} of 127.0.0.1, meant for {product}, is taken by another program. Give another port "
            f"(plugins up {option} N, make up {make_variable}=N), or, to use a {product} that runs there, "
            f"name it in {setting}."
        ) from None


def _say_joined(console: Console, product: str, setting: str, url: str) -> None:
    console.say(f"{product:<9} {without_password(url)}  ({setting}: joining the deployment there)")


def _say_started(console: Console, product: str, url: str, binary: Binary) -> None:
    for reason in binary.skipped:
        console.say(f"Not used: {reason}", problem=True)
    console.say(f"{product:<9} {url}  ({binary.path.name} {binary.version_text} from {binary.origin})")
