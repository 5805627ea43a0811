"""The servers of `plugins up`: the ones that the environment names, else ones of our own."""

import os
from typing import Literal, cast

import click

from worker.devtools.console import Console
from worker.devtools.embedded import (
    Binary,
    MongoReplicaSet,
    RedisServer,
    check_mongodb,
    check_redis,
    find_mongod,
    find_redis,
    port_is_free,
    wait_until,
    without_password,
)
from worker.devtools.rundir import RunDirectory
from worker.devtools.supervisor import Supervisor

# For each use of Redis; together they make PLUGINS_REDIS_URL needless.
REDIS_OVERRIDES = ("PLUGINS_BROKER_URL", "PLUGINS_RESULTS_URL", "PLUGINS_EVENTS_URL")
# What a server that was just killed takes to give its port back.
PORT_GRACE_S = 3.0


def ensure_redis(
    supervisor: Supervisor, console: Console, folder: RunDirectory, *, port: int, appendfsync: str
) -> str:
    """Return the URL of the Redis to use, started here unless the environment names one."""
    given = os.environ.get("PLUGINS_REDIS_URL")
    overrides = [os.environ.get(name) for name in REDIS_OVERRIDES]
    for url in [*([given] if given else []), *(url for url in overrides if url)]:
        check_redis(url)
        console.say(f"Redis     {without_password(url)}  (given)")
    if given:
        return given
    if all(overrides):
        return cast(str, overrides[0])
    binary = find_redis()
    require_port("Redis", port, "--redis-port", "REDIS_PORT", "PLUGINS_REDIS_URL")
    server = RedisServer(
        folder.redis,
        port=port,
        appendfsync=cast(Literal["always", "everysec", "no"], appendfsync),
        binary=binary,
        log=folder.logs / "redis.log",
    )
    supervisor.keep(server, shown=False)
    tell(console, "Redis", server.url, binary)
    return server.url


def ensure_mongodb(supervisor: Supervisor, console: Console, folder: RunDirectory, *, port: int) -> str:
    """Return the URL of the MongoDB to use, started here unless the environment names one."""
    if given := os.environ.get("PLUGINS_MONGODB_URL"):
        check_mongodb(given)
        console.say(f"MongoDB   {without_password(given)}  (given)")
        return given
    binary = find_mongod()
    require_port("MongoDB", port, "--mongodb-port", "MONGODB_PORT", "PLUGINS_MONGODB_URL")
    replica_set = MongoReplicaSet(
        folder.mongodb, ports=[port], binary=binary, log=folder.logs / "mongodb.log", cache_gb=0.5
    )
    supervisor.keep(replica_set.members[0], shown=False, first_start=replica_set.start)
    tell(console, "MongoDB", replica_set.url(), binary)
    return replica_set.url()


def require_port(product: str, port: int, option: str, make_variable: str, setting: str) -> None:
    """Raise click.ClickException when the port is taken."""
    try:
        wait_until(lambda: port_is_free(port), PORT_GRACE_S)
    except TimeoutError:
        raise click.ClickException(
            f"port {port} of 127.0.0.1, meant for {product}, is taken by another program. Give another port "
            f"(plugins up {option} N, make up {make_variable}=N), or, if it is a {product} that may be used, "
            f"name it in {setting}."
        ) from None


def tell(console: Console, product: str, url: str, binary: Binary) -> None:
    """Say which server was started, and why others were not."""
    for reason in binary.skipped:
        console.say(f"Not used: {reason}", problem=True)
    console.say(f"{product:<9} {url}  ({binary.path.name} {binary.version_text} from {binary.origin})")
