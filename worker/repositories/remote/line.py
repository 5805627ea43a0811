"""The connection to another deployment."""

import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts._redis.silence import connection_class
from contracts.client import AskTimeout, PluginClient

_CONNECT_S = 3.0


class Line:
    """A client of another deployment, which does not ask its own remotes in turn.

    Each ask begins with a ping that is not retried: Celery's client would retry a silent Redis for minutes,
    and hold the thread for as long.

    ``token``: sent as ``authorization: Bearer``; None: nothing is sent. ``timeout_s``: of a ping.
    """

    def __init__(self, redis_url: str, token: str | None, timeout_s: float) -> None:
        self._client = PluginClient(redis_url, token=token, own_only=True)
        self._redis = redis.Redis.from_url(
            redis_url,
            connection_class=connection_class(redis_url),
            socket_timeout=timeout_s,
            socket_connect_timeout=min(timeout_s, _CONNECT_S),
            retry=Retry(NoBackoff(), 0),
        )

    def ask(self, operation: str, *, timeout_s: float, expires_s: float, **params: Any) -> Any:
        """Ask as ``PluginClient.ask`` does. Raises: ``redis.RedisError`` too."""
        begun = time.monotonic()
        self._redis.ping()
        left = timeout_s - (time.monotonic() - begun)
        if left <= 0:
            raise AskTimeout("none", timeout_s)
        return self._client.ask(operation, timeout_s=left, expires_s=expires_s, **params)

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()
        self._client.close()
