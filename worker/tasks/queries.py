"""The tasks of the reads."""

import logging
from datetime import UTC, datetime
from typing import Any

from celery import Celery

from contracts.catalog import OPERATIONS
from contracts.errors import ContractError, DeadlineExceeded
from contracts.headers import OWN, REPOSITORIES
from contracts.parse import parse
from worker.tasks.base import OperationTask, register_operations
from worker.tasks.ports import Bridge

logger = logging.getLogger(__name__)


class QueryTask(OperationTask):
    """A read: answered once, with its answer or its error. Nothing waits; a message that met a bug becomes a
    dead letter.
    """

    abstract = True

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.answer(args, kwargs)
        except ContractError:
            raise
        except Exception as bug:
            logger.exception("%s failed", self.request.id)
            raise self.keep_dead_letter(bug) from bug

    def answer(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Check, then answer."""
        self.check(args)
        expires = self.bridge.attempt(self.request).expires
        if expires and datetime.now(UTC) >= expires:
            raise DeadlineExceeded("the query's deadline has passed; it was not answered")
        command: Any = parse(self.operation.command, kwargs)
        own_only = self.bridge.headers(self.request).get(REPOSITORIES) == OWN
        return self.services.reader.answer(command, own_only=own_only)


def register_queries(app: Celery, bridge: Bridge) -> None:
    """Give ``app`` the task of every read in the catalog."""
    operations = [operation for operation in OPERATIONS if not operation.is_write]
    register_operations(app, bridge, QueryTask, operations)
