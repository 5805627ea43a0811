"""The base of every operation's task."""

from collections.abc import Iterable
from typing import Any

from celery import Celery, Task

from contracts.catalog import Operation
from contracts.errors import ContractError, InternalFault
from worker.services import Services
from worker.tasks.envelope import check_envelope
from worker.tasks.ports import Bridge


class OperationTask(Task):  # type: ignore[misc]  # celery is untyped
    """An operation of the catalog: acknowledged at its end, answered with an error of the contract."""

    abstract = True
    acks_late = True
    acks_on_failure_or_timeout = True
    # The contract checks the arguments, and its refusal says what is wrong.
    typing = False
    throws = (ContractError,)
    # A result holds data of callers, which must not get into the log.
    resultrepr_maxsize = 0
    operation: Operation
    bridge: Bridge

    @property
    def services(self) -> Services:
        """The services of this process, which its app keeps."""
        services: Services = self.app.services
        return services

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the task; unlike Celery's own, it takes a keyword argument named ``self``."""
        return self.run(*args, **kwargs)

    def check(self, args: tuple[Any, ...]) -> None:
        """Refuse a message that has more than keyword arguments.

        Raises: ``InvalidParameter``.
        """
        self.bridge.check(self.request)
        check_envelope(self.request, args)

    def keep_dead_letter(self, bug: Exception) -> InternalFault:
        """Store the whole message as a dead letter, and return the error to answer.

        Raises: ``StoreUnavailable``.
        """
        queue, raw = self.bridge.raw(self.request)
        return self.services.parking.keep(self.request.id, self.operation.task, queue, raw, bug)


def register_operations(
    app: Celery,
    bridge: Bridge,
    kind: type[OperationTask],
    operations: Iterable[Operation],
) -> None:
    """Give ``app`` a task of ``kind`` for each of ``operations``."""
    for operation in operations:
        attributes = {
            "name": operation.task,
            "operation": operation,
            "bridge": bridge,
            "Request": app.Task.Request,
            "__doc__": operation.summary,
            "__module__": kind.__module__,
        }
        app.register_task(type(f"{operation.command.__name__}Task", (kind,), attributes)())
