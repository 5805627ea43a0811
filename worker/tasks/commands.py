"""The writes: one task for each, and the batch."""

from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.exceptions import Ignore, Reject

from contracts.catalog import OPERATIONS
from contracts.commands import PluginBatch
from contracts.errors import ContractError, InvalidParameter, Refused, RequiredParameter
from contracts.parse import parse
from contracts.partition import queue_of
from worker.domain.delivery import Delivery, Fenced, GiveBack
from worker.handlers.batch import check_frame
from worker.services import Services
from worker.tasks.operation import OperationTask, register_operations
from worker.tasks.ports import Bridge
from worker.tasks.supervise import supervise


class CommandTask(OperationTask):
    """A write: acknowledged after its effect, its outcome decided by the type of the error."""

    abstract = True

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        services, request = self.services(), self.request
        try:
            delivery = self.bridge.delivery(request)
            return supervise(
                lambda delivery: self.apply(services, args, kwargs, delivery), delivery, self.parked
            )
        except Refused as refusal:
            services.rejections.tell(request.id, self.operation.task, kwargs, refusal)
            raise
        except Fenced:
            raise Ignore from None
        except GiveBack:
            raise Reject("the process is stopping", requeue=True) from None

    def apply(
        self, services: Services, args: tuple[Any, ...], kwargs: dict[str, Any], delivery: Delivery
    ) -> Any:
        """Check, then apply; every part of it may be repeated."""
        self.check(args)
        queue = queue_of(self.operation.task, kwargs, services.settings.command_partitions)
        if self.bridge.forward(self.request, queue):
            raise Ignore
        if self.operation.command is PluginBatch:
            return self.apply_batch(services, kwargs, delivery)
        command: Any = parse(self.operation.command, kwargs)
        return services.writer.apply(command, delivery).model_dump(mode="json", exclude_none=True)

    def apply_batch(self, services: Services, kwargs: dict[str, Any], delivery: Delivery) -> Any:
        """A batch; what is missing in its frame makes the whole frame wrong."""
        try:
            batch = parse(PluginBatch, kwargs)
        except RequiredParameter as fault:
            raise InvalidParameter(fault.message, details={"path": fault.details["path"]}) from None
        check_frame(batch, services.settings.command_partitions)
        return [_row(item.id, outcome) for item, outcome in services.apply_batch(batch, delivery)]


def _row(command_id: str, outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, ContractError):
        return {"id": command_id, "error": outcome.as_dict()}
    return {"id": command_id, "result": outcome.model_dump(mode="json", exclude_none=True)}


def register_commands(app: Celery, services: Callable[[], Services], bridge: Bridge) -> None:
    """Give ``app`` the task of every write in the catalog."""
    operations = [operation for operation in OPERATIONS if operation.is_write]
    register_operations(app, services, bridge, CommandTask, operations)
