"""Servers that the environment names: they are used as they are, and pinged once."""

import re

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from worker.devtools.embedded.errors import ServerFailed

TIMEOUT_S = 5.0


def without_password(url: str) -> str:
    """Return the URL as it may be shown: without user, password and query.

    A password that is not percent-encoded may hold any of ``/?#@``: the shown part begins after the last
    ``@``, and is empty if that may be part of the query.
    """
    scheme, _, rest = url.partition("://")
    before, _, address = rest.rpartition("@")
    return f"{scheme}://{'...' if '?' in before else re.split('[?#]', address)[0]}"


def ping_redis(url: str) -> None:
    """Ping a Redis.

    Raises:
        ServerFailed: it does not answer within 5 s.
    """
    try:
        with Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        raise ServerFailed(f"{without_password(url)} does not answer: {error}") from error


def ping_mongodb(url: str) -> None:
    """Ping a MongoDB.

    Raises:
        ServerFailed: it does not answer within 5 s.
    """
    try:
        with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=int(TIMEOUT_S * 1000)) as client:
            client.admin.command("ping")
    except (PyMongoError, ValueError) as error:
        reason = str(error).split(", Timeout:")[0]
        raise ServerFailed(f"{without_password(url)} does not answer: {reason}") from error
