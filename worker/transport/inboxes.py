"""The inboxes of this process: one for each Redis database that it consumes from."""

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
    """Return the inbox of this process for the database of ``connection``, redis-py's parameters."""
    key = tuple(connection.get(name) for name in ("host", "port", "path", "db"))
    with _inboxes_lock:
        if key not in _inboxes:
            _inboxes[key] = Inbox(connection, options)
        return _inboxes[key]


def open_inboxes() -> list[Inbox]:
    """Return the inboxes of this process."""
    with _inboxes_lock:
        return list(_inboxes.values())


def close_inboxes() -> None:
    """Return all messages that this process has. An error of one inbox does not keep the others open."""
    with _inboxes_lock:
        inboxes = list(_inboxes.values())
        _inboxes.clear()
    for inbox in inboxes:
        try:
            inbox.close()
        except redis.RedisError as error:
            # The lease expires by itself, and the next owner returns the unacked messages to the queue.
            logger.warning("could not give the queues back: %r", error)
