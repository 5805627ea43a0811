"""The writes: one task for each, and the batch."""

from collections.abc import Callable
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore, Reject

from contracts.catalog import OPERATIONS, Operation
from contracts.commands import PluginBatch
from contracts.errors import ContractError, InternalFault, InvalidParameter, Refused, RequiredParameter
from contracts.parse import parse
from contracts.partition import queue_of
from worker.domain.delivery import Delivery, Fenced, GiveBack
from worker.handlers.batch import check_frame
from worker.services import Services
from worker.tasks.envelope import check_envelope
from worker.tasks.ports import Bridge
from worker.tasks.supervise import supervise


class CommandTask(Task):  # type: ignore[misc]  # celery is untyped
    """What every write has in common: acknowledged after its effect, its outcome decided by the error's type."""

    abstract = True
    acks_late = True
    acks_on_failure_or_timeout = True
    typing = False
    throws = (ContractError,)
    # A result holds what callers stored; the log has no business with it.
    resultrepr_maxsize = 0
    operation: Operation
    services: Callable[[], Services]
    bridge: Bridge

    def run(self, *args: Any, **kwargs: Any) -> Any:
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
        self.bridge.check(self.request)
        check_envelope(self.request, args)
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

    def parked(self, bug: Exception) -> InternalFault:
        """Keep the whole message as a dead letter, and say how that is answered."""
        queue, raw = self.bridge.raw(self.request)
        return self.services().park(self.request.id, self.operation.task, queue, raw, bug)


def _row(command_id: str, outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, ContractError):
        return {"id": command_id, "error": outcome.as_dict()}
    return {"id": command_id, "result": outcome.model_dump(mode="json", exclude_none=True)}


def register_commands(app: Celery, services: Callable[[], Services], bridge: Bridge) -> None:
    """Give ``app`` the task of every write in the catalog."""
    for operation in OPERATIONS:
        if operation.is_write:
            attributes = {
                "name": operation.task,
                "operation": operation,
                "services": staticmethod(services),
                "bridge": bridge,
                "Request": app.Task.Request,
                "__doc__": operation.summary,
                "__module__": __name__,
            }
            app.register_task(type(f"{operation.command.__name__}Task", (CommandTask,), attributes)())
