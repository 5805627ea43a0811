"""The inboxes of this process, one for each Redis database that it consumes from."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

import redis

from worker.transport.inbox import Inbox
from worker.transport.options import Options

logger = logging.getLogger(__name__)

_inboxes: dict[tuple[Any, ...], Inbox] = {}
_inboxes_lock = threading.Lock()


def inbox_of(connection: Mapping[str, Any], options: Options) -> Inbox:
    """The one inbox of this process for the database that ``connection`` (redis-py's parameters) names."""
    key = tuple(connection.get(name) for name in ("host", "port", "path", "db"))
    with _inboxes_lock:
        if key not in _inboxes:
            _inboxes[key] = Inbox(connection, options)
        return _inboxes[key]


def open_inboxes() -> list[Inbox]:
    """The inboxes of this process."""
    with _inboxes_lock:
        return list(_inboxes.values())


def close_inboxes() -> None:
    """Gives back all that this process holds. Errors of one do not keep the others."""
    with _inboxes_lock:
        inboxes = list(_inboxes.values())
        _inboxes.clear()
    for inbox in inboxes:
        try:
            inbox.close()
        except redis.RedisError as error:
            # The lease runs out by itself, and what is unacked is pushed back by whoever takes it.
            logger.warning("could not give the queues back: %r", error)
