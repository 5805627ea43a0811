"""A client for Python callers: sends commands, waits for answers.

It is a thin hand over ``Celery.send_task``; any other Celery client does as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import celery
from celery.exceptions import TimeoutError as CeleryTimeout
from kombu import serialization  # noqa: F401 - registers the serializers before the first send

from contracts import errors
from contracts.catalog import BY_TASK, WRITES
from contracts.commands import MAX_BATCH, MAX_BATCH_PER_PLUGIN
from contracts.partition import address, partition, queue_name, queue_of

__all__ = ["AskTimeout", "BatchOutcome", "PluginClient"]


class AskTimeout(TimeoutError):
    """Raised when no answer came in time. A write may still take effect: send it again with the same
    ``command_id``.
    """

    def __init__(self, command_id: str, timeout_s: float) -> None:
        self.command_id = command_id
        super().__init__(f"no answer to {command_id} within {timeout_s} s")


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The outcome of one item of a batch: exactly one of ``result`` and ``error`` is set."""

    id: str
    result: dict[str, Any] | None
    error: errors.ContractError | None


class PluginClient:
    """Sends the nine operations and batches of them.

    ``redis_url`` is the broker and, unless ``results_url`` is given, the result backend. ``partitions`` is
    the deployment's ``PLUGINS_COMMAND_PARTITIONS``: with the wrong number commands still arrive, but batches
    are refused. ``token`` goes along as ``authorization: Bearer``. Use it as a context manager, or ``close``
    it.

    >>> with PluginClient("redis://localhost:6379/0") as client:
    ...     client.ask("register", domain_id="d-1", name="JIRA", service_type="x.Y", image="acme/jira")
    """

    def __init__(
        self,
        redis_url: str = "redis://localhost:6379/0",
        results_url: str | None = None,
        partitions: int = 1,
        token: str | None = None,
    ) -> None:
        self._partitions = partitions
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._app = celery.Celery(
            "plugin-client", broker=redis_url, backend=results_url or redis_url, set_as_current=False
        )
        self._app.conf.update(
            task_serializer="json",
            result_serializer="json",
            accept_content=["json"],
            task_create_missing_queues=True,
            broker_connection_retry_on_startup=True,
            broker_transport_options={"socket_timeout": 10, "socket_connect_timeout": 3},
            redis_socket_timeout=10,
            redis_socket_connect_timeout=3,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._app.backend.result_consumer.stop()
        self._app.backend.client.connection_pool.disconnect()
        self._app.close()

    def send(
        self,
        operation: str,
        *,
        command_id: str | None = None,
        expires_s: float | None = None,
        traceparent: str | None = None,
        **params: Any,
    ) -> str:
        """Send and forget; returns the command id. Send the same id again after a doubt: it has one effect.

        ``operation`` is a verb (``register``) or a task name (``plugin.register``); ``params`` are its
        keyword arguments. The command is not applied when ``expires_s`` have passed.
        """
        sent = self._send(operation, params, command_id, expires_s, traceparent, ignore_result=True)
        return str(sent.id)

    def ask(
        self,
        operation: str,
        *,
        timeout_s: float = 10.0,
        command_id: str | None = None,
        expires_s: float | None = None,
        traceparent: str | None = None,
        **params: Any,
    ) -> Any:
        """Send and wait for the answer. Raises an error of ``contracts.errors``, or ``AskTimeout`` when none
        came in time.
        """
        sent = self._send(operation, params, command_id, expires_s, traceparent, ignore_result=False)
        return self._answer(sent, timeout_s)

    def batch(self, commands: Iterable[Mapping[str, Any]], *, timeout_s: float = 60.0) -> list[BatchOutcome]:
        """Apply many writes fast, and wait for every outcome, in the order given.

        Each command is ``{"operation", "params"}`` and may have an ``id`` (one is made where it is missing).
        They are sent as batches that fit the limits, one partition each; the commands of one plugin take
        effect in the order given.
        """
        items: list[dict[str, Any]] = [
            {
                "id": str(c.get("id") or uuid4()),
                "operation": _task(c["operation"]),
                "params": dict(c["params"]),
            }
            for c in commands
        ]
        outcomes: dict[str, BatchOutcome] = {}
        sent = [
            self._app.send_task(
                "plugin.batch", kwargs={"commands": part}, queue=queue, headers=self._headers or None
            )
            for queue, part in _frames(items, self._partitions)
        ]
        for result in sent:
            for row in self._answer(result, timeout_s):
                outcomes[row["id"]] = BatchOutcome(row["id"], row.get("result"), _error(row.get("error")))
        return [outcomes[item["id"]] for item in items]

    def _send(
        self,
        operation: str,
        params: Mapping[str, Any],
        command_id: str | None,
        expires_s: float | None,
        traceparent: str | None,
        ignore_result: bool,
    ) -> Any:
        task = _task(operation)
        known = BY_TASK[task]
        headers = dict(self._headers)
        if traceparent:
            headers["traceparent"] = traceparent
        queue = queue_of(task, dict(params), self._partitions) if known.is_write else known.queue
        return self._app.send_task(
            task,
            kwargs=dict(params),
            task_id=command_id or str(uuid4()),
            queue=queue,
            expires=expires_s,
            headers=headers or None,
            ignore_result=ignore_result,
        )

    def _answer(self, result: Any, timeout_s: float) -> Any:
        try:
            return result.get(timeout=timeout_s)
        except CeleryTimeout:
            raise AskTimeout(result.id, timeout_s) from None
        finally:
            result.forget()


def _task(operation: str) -> str:
    task = operation if operation.startswith("plugin.") else f"plugin.{operation}"
    if task not in BY_TASK:
        raise ValueError(f"no operation {operation}; there are {', '.join(sorted(BY_TASK))}")
    return task


def _error(row: Mapping[str, Any] | None) -> errors.ContractError | None:
    if not row:
        return None
    kind = getattr(errors, row["type"], errors.ContractError)
    fault: errors.ContractError = kind(row["message"], row["code"], row["details"])
    return fault


def _frames(items: Sequence[dict[str, Any]], partitions: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Batches that fit: by partition, at most 500 items, at most 50 for one plugin; the order of each plugin
    is kept.
    """
    frames: list[tuple[str, list[dict[str, Any]]]] = []
    current: dict[str, tuple[list[dict[str, Any]], dict[tuple[str, str], int]]] = {}
    for item in items:
        if item["operation"] not in WRITES:
            raise ValueError(f"{item['operation']} is no write; a batch holds {', '.join(sorted(WRITES))}")
        where = address(item["operation"], item["params"])
        queue = queue_name(partition(*where, partitions), partitions)
        part, counts = current.get(queue, (None, {}))
        if part is None or len(part) == MAX_BATCH or counts.get(where, 0) == MAX_BATCH_PER_PLUGIN:
            part, counts = [], {}
            current[queue] = (part, counts)
            frames.append((queue, part))
        part.append(item)
        counts[where] = counts.get(where, 0) + 1
    return frames
