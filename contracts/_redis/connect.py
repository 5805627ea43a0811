"""The clients of Redis that are not Celery's."""

# mypy: disallow-untyped-calls=False

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts._redis.silence import connection_class
from contracts._redis.url import TIMEOUTS

CONNECTION_OPTIONS = {**TIMEOUTS, "health_check_interval": 5}
"""How long a worker waits for a Redis, and after which idle time it first asks a connection whether it still
works, in seconds: options of redis-py, which kombu takes too.
"""

FAIL_FAST_OPTIONS = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": Retry(NoBackoff(), 0)}
"""The same for best effort: one try, which takes half a second at most."""


class NamingRedis(redis.Redis):
    """A client whose NOPERM errors name the command and the key: those of Redis often do not."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command."""
        try:
            return super().execute_command(*args, **options)
        except redis.exceptions.NoPermissionError as error:
            raise redis.exceptions.NoPermissionError(f"{error} (running {_named(args)})") from error


def _named(command: Sequence[Any]) -> str:
    name, *words = (
        word.decode(errors="replace") if isinstance(word, bytes) else str(word) for word in command
    )
    place = words.index("STREAMS") + 1 if "STREAMS" in words else 2 if name in ("EVAL", "EVALSHA") else 0
    return f"'{name}' on '{words[place]}'" if len(words) > place else f"'{name}'"


def open_redis(url: str) -> Any:
    """Return a client of the Redis at ``url``; nothing is dialled before the first command.

    A Redis that does not answer within the ``CONNECTION_OPTIONS`` raises redis-py's errors.
    """
    return _open(url, CONNECTION_OPTIONS)


def open_fail_fast_redis(url: str) -> Any:
    """Return a client as ``open_redis`` does, with the ``FAIL_FAST_OPTIONS``."""
    return _open(url, FAIL_FAST_OPTIONS)


def _open(url: str, options: Mapping[str, Any]) -> Any:
    return NamingRedis.from_url(url, connection_class=connection_class(url), **options)


class RedisClients:
    """The clients of one process: one for each Redis, made at first use. Threads may share them."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, bool], Any] = {}
        self._lock = threading.Lock()

    def open(self, url: str, fail_fast: bool = False) -> Any:
        """Return the client of the Redis at ``url``, as ``open_redis`` or ``open_fail_fast_redis`` does."""
        with self._lock:
            if (url, fail_fast) not in self._clients:
                self._clients[url, fail_fast] = open_fail_fast_redis(url) if fail_fast else open_redis(url)
            return self._clients[url, fail_fast]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()
