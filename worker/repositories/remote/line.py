"""The connection to another deployment."""

import time
from typing import Any

import celery
import redis
from celery.backends.redis import RedisBackend
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.client import AskTimeout, PluginClient
from contracts.values import MAX_ANSWER_BYTES

MAX_MESSAGE_BYTES = MAX_ANSWER_BYTES + 1024 * 1024
"""The most bytes of a message that carries an answer."""

_CONNECT_S = 3.0


class RefusedMessage(ValueError):
    """Raised for a message that is not decoded."""


class PeerAnswers(RedisBackend):  # type: ignore[misc]  # celery is untyped
    """The result backend of another deployment.

    A message that is too large is not decoded, nor is a compressed one: a few bytes can stand for gigabytes,
    and decoding holds up every thread.
    """

    def decode(self, payload: Any) -> Any:
        if payload is not None and (len(payload) > MAX_MESSAGE_BYTES or payload[:1] not in (b"{", "{")):
            raise RefusedMessage(f"an answer of {len(payload)} bytes is too large or not a JSON object")
        return super().decode(payload)


class _Client(PluginClient):
    def __init__(self, redis_url: str, token: str | None) -> None:
        super().__init__(redis_url, token=token, own_only=True)

    def _new_app(self) -> celery.Celery:
        app = super()._new_app()
        app.loader.override_backends = dict.fromkeys(("redis", "rediss"), f"{__name__}:PeerAnswers")
        return app


class Line:
    """A client of another deployment, which does not ask its own remotes in turn.

    Each ask begins with a ping that is not retried: Celery's client would retry a silent Redis for minutes,
    and hold the thread for as long.

    ``token``: sent as ``authorization: Bearer``; None: nothing is sent. ``timeout_s``: of a ping.
    """

    def __init__(self, redis_url: str, token: str | None, timeout_s: float) -> None:
        self._client = _Client(redis_url, token)
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(timeout_s, _CONNECT_S),
            retry=Retry(NoBackoff(), 0),
        )

    def ask(self, operation: str, *, timeout_s: float, expires_s: float, **params: Any) -> Any:
        """Ask as ``PluginClient.ask`` does. Raises: ``redis.RedisError`` and ``RefusedMessage`` too."""
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
