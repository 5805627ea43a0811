"""The tasks of the reads."""

import logging
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from celery import Celery

from contracts.catalog import OPERATIONS
from contracts.errors import ContractError, DeadlineExceeded
from contracts.headers import OWN, REPOSITORIES
from contracts.parse import parse
from worker.domain.answer import answer_text
from worker.plugins.terms import Terms
from worker.tasks.base import OperationTask, register_operations
from worker.tasks.envelope import check_message, deadline
from worker.transport import Delivery

logger = logging.getLogger(__name__)


class QueryTask(OperationTask):
    """A read: answered once, with its answer or its error. Nothing waits; a message that met a bug becomes a
    dead letter.
    """

    abstract = True

    def result(self, delivery: Delivery) -> str:
        """Return the answer, as JSON. Raises ``ContractError``."""
        try:
            return answer_text(self._answer(delivery))
        except ContractError:
            raise
        except Exception as bug:
            logger.exception("%s failed", delivery.envelope.id)
            raise self.keep_dead_letter(delivery, bug) from bug

    def _answer(self, delivery: Delivery) -> Any:
        """Check, then answer."""
        check_message(delivery.envelope)
        expires = deadline(delivery.headers)
        if expires and datetime.now(UTC) >= expires:
            raise DeadlineExceeded("the query's deadline has passed; it was not answered")
        own_only = delivery.headers.get(REPOSITORIES) == OWN
        begun = monotonic()
        command: Any = parse(self.operation.command, delivery.envelope.kwargs)
        return self.services.reader.answer(command, Terms(own_only, monotonic() - begun))


def register_queries(app: Celery) -> None:
    """Give ``app`` the task of every read in the catalog."""
    operations = [operation for operation in OPERATIONS if not operation.is_write]
    register_operations(app, QueryTask, operations)
