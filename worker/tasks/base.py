"""The bases of the tasks."""

from collections.abc import Iterable

from celery import Celery, Task

from contracts.catalog import Operation
from contracts.errors import ContractError, InternalFault
from worker.services import Services
from worker.transport import Delivery


class ServiceTask(Task):  # type: ignore[misc]  # celery is untyped
    """A task of this service: answered with its result, or with an error of the contract.

    It has no ``run``: whatever hands it a message in another way than this service does carries out nothing.
    """

    abstract = True
    acks_late = True
    # The contract checks the arguments, and its refusal says what is wrong.
    typing = False
    throws = (ContractError,)

    @property
    def services(self) -> Services:
        """The services of this process, which its app keeps."""
        services: Services = self.app.services
        return services

    def result(self, delivery: Delivery) -> str:
        """Return what a message that came by a shared queue is answered with, as JSON.

        Raises: ``ContractError``.
        """
        raise NotImplementedError


class OperationTask(ServiceTask):
    """An operation of the catalog."""

    abstract = True
    operation: Operation

    def keep_dead_letter(self, delivery: Delivery, bug: Exception) -> InternalFault:
        """Store the whole message as a dead letter, and return the error to answer.

        Raises: ``StoreUnavailable``.
        """
        return self.services.parking.keep(
            delivery.envelope.id, self.operation.task, delivery.queue, delivery.raw, bug
        )


def register_operations(app: Celery, kind: type[OperationTask], operations: Iterable[Operation]) -> None:
    """Give ``app`` a task of ``kind`` for each of ``operations``."""
    for operation in operations:
        attributes = {
            "name": operation.task,
            "operation": operation,
            "__doc__": operation.summary,
            "__module__": kind.__module__,
        }
        app.register_task(type(f"{operation.command.__name__}Task", (kind,), attributes)())
