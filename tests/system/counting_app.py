"""The shipped app, which says in its log what it sends to MongoDB and from which thread."""

import logging
import threading

from pymongo import monitoring
from pymongo.monitoring import CommandStartedEvent

from tests.support.mongo_commands import MongoCommands

logger = logging.getLogger(__name__)


class Told(MongoCommands):
    """Tells of each command as it is sent."""

    def started(self, event: CommandStartedEvent) -> None:
        super().started(event)
        for name in self.take():
            logger.warning("MONGODB %s by %s", name, threading.current_thread().name)


monitoring.register(Told())

from worker.celery import app  # noqa: E402 - a client has the listeners that were registered before it

__all__ = ["app"]
