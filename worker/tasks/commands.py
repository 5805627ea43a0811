"""The tasks of the writes, and of the batch."""

from celery import Celery

from contracts.catalog import OPERATIONS
from worker.tasks.base import OperationTask, register_operations


class CommandTask(OperationTask):
    """A write. It has no result of its own: writes are applied in groups, by ``worker.tasks.groups``."""

    abstract = True


def register_commands(app: Celery) -> None:
    """Give ``app`` the task of every write in the catalog."""
    register_operations(app, CommandTask, [operation for operation in OPERATIONS if operation.is_write])
