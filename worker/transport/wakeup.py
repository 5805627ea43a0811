"""Tells when a list gets a message, or a doorbell rings, without taking anything from Redis.

Server-assisted client-side caching (Redis 6.0, ``CLIENT TRACKING``): a key that was asked for with ``EXISTS``
is announced once when somebody changes it. That wakes an idle consumer of any number of lists at once, where
a blocking pop would take the message out of Redis before its unacked record is written.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)


class Wakeup:
    """One connection that listens for changes of the keys last armed."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        parameters = dict(connection)
        for name in ("max_connections", "retry_on_timeout"):
            parameters.pop(name, None)
        connection_class = parameters.pop("connection_class")
        self._connection = connection_class(**{**parameters, "protocol": 3, "health_check_interval": 0})
        self.supported = True

    def fileno(self) -> int | None:
        """The descriptor that is readable when something changed; None before the first :meth:`arm`."""
        sock = getattr(self._connection, "_sock", None)
        return sock.fileno() if sock is not None else None

    def arm(self, keys: Iterable[str]) -> bool:
        """Asks to be told of the next change of ``keys``; whether any of them exists, or has changed,
        by now.

        A change before this is seen by the answer, a change after it by :meth:`fileno`.
        """
        if not self.supported:
            return False
        if self.fileno() is None:
            self._connection.connect()
            try:
                self._ask("CLIENT", "TRACKING", "ON")
            except ResponseError as error:
                logger.warning("this Redis announces no changes (%s): queues are polled", error)
                self.supported = False
                return False
        exists = int(self._ask("EXISTS", *keys)) > 0
        # An announcement that came in the same packet as the answer is read off the socket already: nobody
        # would wake for it.
        return exists or bool(self._connection.can_read(timeout=0))

    def read(self) -> None:
        """Takes in what arrived. Raises redis-py's ConnectionError when the connection has ended."""
        self._connection.read_response(push_request=True)
        while self._connection.can_read(timeout=0):
            self._connection.read_response(push_request=True)

    def close(self) -> None:
        self._connection.disconnect()

    def _ask(self, *command: str) -> Any:
        self._connection.send_command(*command)
        return self._connection.read_response()
