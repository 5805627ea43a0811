"""Wakes a consumer when a list gets a message, or a doorbell rings, without taking anything from Redis.

It uses server-assisted client-side caching (Redis 6.0, ``CLIENT TRACKING``): after ``EXISTS`` for a key,
Redis announces the next change of it once. That wakes an idle consumer of any number of lists at once. A
blocking pop would take the message out of Redis before its unacked record is written.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import redis
from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)


class Wakeup:
    """One connection that listens for changes of the keys that were armed last."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        parameters = dict(connection)
        for name in ("max_connections", "retry_on_timeout"):
            parameters.pop(name, None)
        connection_class = parameters.pop("connection_class")
        self._connection = connection_class(**{**parameters, "protocol": 3, "health_check_interval": 0})
        self.supported = True

    def fileno(self) -> int | None:
        """Return the descriptor that is readable when a key has changed; None before the first ``arm``."""
        sock = getattr(self._connection, "_sock", None)
        return sock.fileno() if sock is not None else None

    @property
    def is_listening(self) -> bool:
        """Whether it is connected, or Redis cannot announce changes."""
        return not self.supported or self.fileno() is not None

    def arm(self, keys: Iterable[str]) -> bool:
        """Ask Redis to announce the next change of ``keys``; return whether any of them exists, or has
        changed meanwhile.

        An earlier change shows in the answer, a later one at ``fileno``.

        Raises: redis-py's errors. Where another connection has found the host silent, this one is not asked:
        it belongs to no pool that would make it anew.
        """
        if not self.supported:
            return False
        if self._connection.is_doubted:
            raise redis.ConnectionError("the host of Redis was silent since this connection was made")
        if self.fileno() is None:
            self._connection.connect()
            try:
                self._ask("CLIENT", "TRACKING", "ON")
            except ResponseError as error:
                logger.warning("this Redis announces no changes (%s): queues are polled", error)
                self.supported = False
                return False
        exists = int(self._ask("EXISTS", *keys)) > 0
        # An announcement in the packet of the answer is read off the socket already: it would wake no one.
        return exists or bool(self._connection.can_read(timeout=0))

    def read(self) -> None:
        """Read the announcements.

        Raises: redis-py's ``ConnectionError`` when the connection has ended.
        """
        self._connection.read_response(push_request=True)
        while self._connection.can_read(timeout=0):
            self._connection.read_response(push_request=True)

    def close(self) -> None:
        self._connection.disconnect()

    def _ask(self, *command: str) -> Any:
        self._connection.send_command(*command)
        return self._connection.read_response()
