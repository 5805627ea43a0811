"""The tasks of the writes, and of the batch."""

from celery import Celery

from contracts.catalog import OPERATIONS
from contracts.errors import InvalidParameter
from worker.tasks.base import OperationTask, register_operations
from worker.transport import Delivery


class CommandTask(OperationTask):
    """A write. Those on the queues of the commands are applied in groups: ``worker.tasks.groups``."""

    abstract = True

    def result(self, delivery: Delivery) -> str:
        """Refuse a write that came by another queue: it would have no order.

        Raises: ``InvalidParameter``.
        """
        raise InvalidParameter(
            f"{self.operation.task} belongs on {self.operation.queue}, not on {delivery.queue}",
            details={"path": "queue"},
        )


def register_commands(app: Celery) -> None:
    """Give ``app`` the task of every write in the catalog."""
    register_operations(app, CommandTask, [operation for operation in OPERATIONS if operation.is_write])
