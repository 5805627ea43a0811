"""The tasks of the writes, and of the batch."""

from collections.abc import Iterable
from typing import Any

from celery import Celery
from celery.exceptions import Ignore, Reject

from contracts.catalog import OPERATIONS
from contracts.commands import BatchItem, PluginBatch
from contracts.errors import InvalidParameter, Refused, RequiredParameter, ResultTooLarge
from contracts.parse import parse
from contracts.partition import queue_of
from contracts.plugin import PluginInfo
from contracts.values import MAX_ANSWER_BYTES
from worker.domain.answer import AnswerSize
from worker.domain.attempt import Attempt, Fenced, GiveBack
from worker.plugins.batch import ItemOutcome, check_frame
from worker.services import Services
from worker.tasks.base import OperationTask, register_operations
from worker.tasks.ports import Bridge
from worker.tasks.supervise import supervise


class CommandTask(OperationTask):
    """A write: acknowledged after its effect; the type of an error decides what happens."""

    abstract = True

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        services, request = self.services, self.request
        try:
            attempt = self.bridge.attempt(request)
            return supervise(
                lambda attempt: self.apply(services, args, kwargs, attempt), attempt, self.keep_dead_letter
            )
        except Refused as refusal:
            services.rejections.publish(request.id, self.operation.task, kwargs, refusal)
            raise
        except Fenced:
            # Not acknowledged: while the lease is ours after all, it is delivered again under its new epoch.
            # In other hands it is not ours to settle, and nothing happens.
            raise Reject("fenced", requeue=True) from None
        except GiveBack:
            raise Reject("the process is stopping", requeue=True) from None

    def apply(
        self, services: Services, args: tuple[Any, ...], kwargs: dict[str, Any], attempt: Attempt
    ) -> Any:
        """Check, then apply; every part of it may be repeated."""
        self.check(args)
        queue = queue_of(self.operation.task, kwargs, services.settings.command_partitions)
        if self.bridge.forward(self.request, queue):
            raise Ignore
        if self.operation.command is PluginBatch:
            return self.apply_batch(services, kwargs, attempt)
        command: Any = parse(self.operation.command, kwargs)
        return services.writer.apply(command, attempt).model_dump(mode="json", exclude_none=True)

    def apply_batch(self, services: Services, kwargs: dict[str, Any], attempt: Attempt) -> Any:
        """Apply a batch; a missing field makes the whole frame wrong."""
        try:
            batch = parse(PluginBatch, kwargs)
        except RequiredParameter as error:
            raise InvalidParameter(error.message, details={"path": error.details["path"]}) from None
        check_frame(batch, services.settings.command_partitions)
        applied = services.batches.apply(batch.commands, attempt)
        outcomes = list(zip(batch.commands, applied, strict=True))
        services.rejections.publish_all(
            (item.id, item.operation, item.params, outcome)
            for item, outcome in outcomes
            if isinstance(outcome, Refused)
        )
        return rows_of(outcomes)


def rows_of(outcomes: Iterable[tuple[BatchItem, ItemOutcome]]) -> list[dict[str, Any]]:
    """Return the answer to a batch.

    Each item may answer with a whole plugin of 1 MiB. If the answer has no room for one, the row says that
    the command was applied, and at which revision; ``plugin.get`` has the plugin.
    """
    answer = AnswerSize()
    rows = []
    for item, outcome in outcomes:
        if isinstance(outcome, PluginInfo):
            row = {"id": item.id, "result": outcome.model_dump(mode="json", exclude_none=True)}
            if answer.add(row):
                rows.append(row)
                continue
            outcome = ResultTooLarge(
                f'the command was applied; the answer has no room for plugin "{outcome.plugin_id}": read it',
                details={"max_bytes": MAX_ANSWER_BYTES, "revision": outcome.revision},
            )
        rows.append({"id": item.id, "error": outcome.as_dict()})
    return rows


def register_commands(app: Celery, bridge: Bridge) -> None:
    """Give ``app`` the task of every write in the catalog."""
    operations = [operation for operation in OPERATIONS if operation.is_write]
    register_operations(app, bridge, CommandTask, operations)
