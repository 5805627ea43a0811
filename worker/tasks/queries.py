"""The reads: one task for each."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore

from contracts.catalog import OPERATIONS, Operation
from contracts.errors import ContractError, InternalFault
from contracts.headers import OWN, REPOSITORIES
from contracts.parse import parse
from worker.services import Services
from worker.store.outage import within
from worker.tasks.envelope import check_envelope
from worker.tasks.ports import Bridge

_log = logging.getLogger(__name__)

_MARGIN_S = 0.25
"""How much longer than the server's own limit (5 s by default) a read waits: the server's answer says more.
"""


class QueryTask(Task):  # type: ignore[misc]  # celery is untyped
    """What every read has in common: answered once, with whatever it meets; nothing waits and nothing is
    parked.
    """

    abstract = True
    acks_late = True
    typing = False
    throws = (ContractError,)
    resultrepr_maxsize = 0
    operation: Operation
    services: Callable[[], Services]
    bridge: Bridge

    def run(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.answer(args, kwargs)
        except (ContractError, Ignore):
            raise
        except Exception as bug:
            _log.exception("%s failed", self.request.id)
            raise self.parked(bug) from bug

    def answer(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Check, then answer from the store within the time that a read may take."""
        self.bridge.check(self.request)
        check_envelope(self.request, args)
        expires = self.bridge.delivery(self.request).expires
        if expires and datetime.now(UTC) >= expires:
            # Whoever asked has stopped waiting; an answer would be work for nobody.
            raise Ignore
        command: Any = parse(self.operation.command, kwargs)
        own_only = self.bridge.headers(self.request).get(REPOSITORIES) == OWN
        services = self.services()
        with within(services.settings.query_time_limit_s + _MARGIN_S):
            return services.reader.answer(command, own_only=own_only)

    def parked(self, bug: Exception) -> InternalFault:
        """Keep the message for whoever mends the bug."""
        queue, raw = self.bridge.raw(self.request)
        return self.services().park(self.request.id, self.operation.task, queue, raw, bug)


def register_queries(app: Celery, services: Callable[[], Services], bridge: Bridge) -> None:
    """Give ``app`` the task of every read in the catalog."""
    for operation in OPERATIONS:
        if not operation.is_write:
            attributes = {
                "name": operation.task,
                "operation": operation,
                "services": staticmethod(services),
                "bridge": bridge,
                "Request": app.Task.Request,
                "__doc__": operation.summary,
                "__module__": __name__,
            }
            app.register_task(type(f"{operation.command.__name__}Task", (QueryTask,), attributes)())
