"""The writes: one task for each, and the batch."""

import json
from collections.abc import Callable
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore, Reject

from contracts.catalog import OPERATIONS, Operation
from contracts.commands import BatchItem, PluginBatch
from contracts.errors import ContractError, InternalFault, InvalidParameter, Refused, RequiredParameter
from contracts.parse import parse
from worker.domain.delivery import Delivery, Fenced, GiveBack
from worker.handlers.batch import check_frame
from worker.services import Services
from worker.tasks.delivery import delivery_of
from worker.tasks.envelope import check_envelope
from worker.tasks.supervise import supervise


class CommandTask(Task):  # type: ignore[misc]
    """What every write has in common: acknowledged after its effect, its outcome decided by the type of the
    error.
    """

    abstract = True
    acks_late = True
    acks_on_failure_or_timeout = True
    typing = False
    throws = (ContractError,)
    operation: Operation
    services: Callable[[], Services]

    def run(self, *args: Any, **kwargs: Any) -> Any:
        services = self.services()
        try:
            check_envelope(self.request, args)
            delivery = delivery_of(self.request)
            step = self.step(services, kwargs)
            return supervise(step, delivery, lambda bug: self.park(services, bug))
        except Refused as refusal:
            services.rejections.tell(self.request.id, self.operation.task, kwargs, refusal)
            raise
        except Fenced:
            raise Ignore from None
        except GiveBack:
            raise Reject("the process is stopping", requeue=True) from None

    def step(self, services: Services, kwargs: dict[str, Any]) -> Callable[[Delivery], Any]:
        """The work, after everything that can be refused without the store has been."""
        if self.operation.command is PluginBatch:
            try:
                batch = parse(PluginBatch, kwargs)
            except RequiredParameter as fault:
                # A frame is wrong as a whole, whatever is missing in it.
                raise InvalidParameter(fault.message, details={"path": fault.details["path"]}) from None
            check_frame(batch, services.settings.command_partitions)
            return lambda delivery: [
                _row(item, outcome) for item, outcome in services.apply_batch(batch, delivery)
            ]
        command: Any = parse(self.operation.command, kwargs)
        return lambda delivery: services.writer.apply(command, delivery).model_dump(
            mode="json", exclude_none=True
        )

    def park(self, services: Services, bug: Exception) -> InternalFault:
        """Keep the whole message as a dead letter."""
        request = self.request
        queue = str((request.delivery_info or {}).get("routing_key"))
        raw = json.dumps({"task": self.operation.task, "id": request.id, "kwargs": request.kwargs}).encode()
        return services.park(request.id, self.operation.task, queue, raw, bug)


def _row(item: BatchItem, outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, ContractError):
        return {"id": item.id, "error": outcome.as_dict()}
    return {"id": item.id, "result": outcome.model_dump(mode="json", exclude_none=True)}


def register_commands(app: Celery, services: Callable[[], Services]) -> None:
    """Give ``app`` the task of every write in the catalog."""
    for operation in OPERATIONS:
        if operation.is_write:
            attributes = {
                "name": operation.task,
                "operation": operation,
                "services": staticmethod(services),
                "__doc__": operation.summary,
                "__module__": __name__,
            }
            app.register_task(type(f"{operation.command.__name__}Task", (CommandTask,), attributes)())
