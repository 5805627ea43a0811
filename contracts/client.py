"""A client for Python callers: sends commands and waits for answers.

It is a thin layer over ``Celery.send_task``; any other Celery client can send the same messages.
"""

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any, Self
from uuid import uuid4

import celery

from contracts import errors
from contracts._client.answer import redis_errors, wait_for_answer
from contracts._client.app import client_app
from contracts._client.frames import (
    MAX_FRAME_BYTES,
    Frame,
    check_expires,
    check_size,
    frames_of,
    items_of,
    too_large,
)
from contracts._client.outcome import BatchOutcome
from contracts._client.unanswered import AskTimeout, RedisUnavailable
from contracts.catalog import BY_TASK, task_of
from contracts.headers import AUTHORIZATION, OWN, REPOSITORIES, TRACEPARENT
from contracts.partition import queue_of
from contracts.values import is_command_id

__all__ = ["AskTimeout", "BatchOutcome", "PluginClient", "RedisUnavailable"]


class PluginClient:
    """Sends every operation, and batches of writes.

    ``redis_url``: the broker.
    ``results_url``: the result backend, default ``redis_url``.
    ``partitions``: ``PLUGINS_COMMAND_PARTITIONS`` of the deployment, default 1. With a wrong number, commands
    still arrive, but batches are refused.
    ``token``: sent as ``authorization: Bearer``.
    ``own_only``: reads search only the local and managed repositories.

    Threads may share a client, and so may forks, each of which opens its own connections. Use it as a context
    manager, or ``close`` it.

    >>> with PluginClient("redis://localhost:6379/0") as client:
    ...     client.ask("register", domain_id="d-1", name="JIRA", service_type="x.Y", image="acme/jira")
    """

    def __init__(
        self,
        redis_url: str = "redis://localhost:6379/0",
        results_url: str | None = None,
        partitions: int = 1,
        token: str | None = None,
        own_only: bool = False,
    ) -> None:
        self._partitions = partitions
        self._headers = {AUTHORIZATION: f"Bearer {token}"} if token else {}
        if own_only:
            self._headers[REPOSITORIES] = OWN
        self._urls = redis_url, results_url or redis_url
        self._apps = {os.getpid(): self._new_app()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _new_app(self) -> celery.Celery:
        return client_app(*self._urls)

    @property
    def _app(self) -> celery.Celery:
        """The app of this process: a fork must not use the sockets of its parent."""
        pid = os.getpid()
        return self._apps.get(pid) or self._apps.setdefault(pid, self._new_app())

    def close(self) -> None:
        """Close every connection of this process."""
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
        """Send a command without waiting for its answer, and return the command id.

        If you do not know whether it arrived, send it again with the same id: it has one effect.

        ``operation``: a verb (``register``) or a task name (``plugin.register``).
        ``command_id``: 1 to 128 printable ASCII characters, default a new UUID.
        ``expires_s``: do not apply the command after this many seconds, at most 1e9; default never.
        ``traceparent``: a W3C Trace Context header, passed on to the event.
        ``params``: the keyword arguments of the operation.

        Raises: ``RedisUnavailable``; ``InvalidParameter`` for a command that is too large, a wrong
        ``command_id``, or a wrong ``expires_s``; ``ValueError`` for an unknown operation.
        """
        sent = self._send(operation, params, command_id, expires_s, traceparent, ignore_result=True)
        # Nobody waits for it: its end must not ask the result backend to stop waiting.
        sent.backend = None
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
        """Send a command and return its answer.

        ``timeout_s``: how long to wait for the answer, in seconds, default 10. The other parameters are those
        of ``send``.

        Raises: an error of ``contracts.errors``; ``AskTimeout`` if no answer came in time; and what ``send``
        raises.
        """
        begun = time.monotonic()
        sent = self._send(operation, params, command_id, expires_s, traceparent, ignore_result=False)
        while True:
            try:
                return wait_for_answer(sent, timeout_s, begun)
            except errors.DeadlineExceeded:
                if command_id is None or (expires_s is not None and time.monotonic() > begun + expires_s):
                    raise
                # An earlier sending, in the queue until now, came too late; this one did not.
                sent = self._app.AsyncResult(command_id)

    def batch(
        self,
        commands: Iterable[Mapping[str, Any]],
        *,
        timeout_s: float = 60.0,
        expires_s: float | None = None,
    ) -> list[BatchOutcome]:
        """Apply many writes fast, and return every outcome, in the order given.

        The commands are sent as batches that fit the limits, one partition each. The commands of one plugin
        take effect in the order given. If a whole batch is refused, each of its items has that error. A
        command that is larger than a batch may be is not sent.

        ``commands``: each is ``{"operation", "params"}``, and may have an ``id``, default a new UUID.
        ``timeout_s``: how long to wait for all answers, in seconds, default 60.
        ``expires_s``: do not apply the commands after this many seconds, at most 1e9; default never.

        Raises: before anything is sent, ``ValueError`` for an operation that is not a write or an id that is
        used twice, and ``InvalidParameter`` for a wrong ``expires_s``; later, ``AskTimeout`` and
        ``RedisUnavailable``: send all commands again with their ``ids``.
        """
        items = items_of(commands)
        check_expires(expires_s)
        try:
            outcomes = self._outcomes(frames_of(items, self._partitions), timeout_s, expires_s)
        except (AskTimeout, RedisUnavailable) as error:
            error.ids = tuple(item["id"] for item in items)
            raise
        return [outcomes[item["id"]] for item in items]

    def _outcomes(
        self, frames: list[Frame], timeout_s: float, expires_s: float | None
    ) -> dict[str, BatchOutcome]:
        with redis_errors():
            sent = [self._send_frame(frame, expires_s) for frame in frames]
        outcomes: dict[str, BatchOutcome] = {}
        begun = time.monotonic()
        for frame, result in zip(frames, sent, strict=True):
            try:
                rows = wait_for_answer(result, timeout_s, begun) if result is not None else too_large(frame)
            except errors.ContractError as refusal:
                rows = [{"id": item["id"], "error": refusal.as_dict()} for item in frame.items]
            for row in rows:
                outcomes[row["id"]] = BatchOutcome.of(row)
        return outcomes

    def _send_frame(self, frame: Frame, expires_s: float | None) -> Any:
        """Send a batch; return None, and do not send it, if it is larger than a worker accepts."""
        if frame.size > MAX_FRAME_BYTES:
            return None
        return self._publish(
            "plugin.batch",
            str(uuid4()),
            kwargs={"commands": frame.items},
            queue=frame.queue,
            expires=expires_s,
            headers=self._headers or None,
        )

    def _send(
        self,
        operation: str,
        params: Mapping[str, Any],
        command_id: str | None,
        expires_s: float | None,
        traceparent: str | None,
        ignore_result: bool,
    ) -> Any:
        task = task_of(operation)
        known = BY_TASK[task]
        headers = dict(self._headers)
        if traceparent:
            headers[TRACEPARENT] = traceparent
        check_size(task, params)
        check_expires(expires_s)
        if command_id is not None and not is_command_id(command_id):
            raise errors.InvalidParameter(
                "the command id must be 1 to 128 printable ASCII characters", details={"path": "id"}
            )
        queue = queue_of(task, dict(params), self._partitions) if known.is_write else known.queue
        with redis_errors():
            if command_id is not None and not ignore_result:
                # The answer to an earlier message with this id is not the answer to this message.
                self._app.backend.forget(command_id)
            return self._publish(
                task,
                command_id or str(uuid4()),
                kwargs=dict(params),
                queue=queue,
                expires=expires_s,
                headers=headers or None,
                ignore_result=ignore_result,
            )

    def _publish(self, task: str, command_id: str, **options: Any) -> Any:
        try:
            return self._app.send_task(task, task_id=command_id, **options)
        except Exception:
            # Celery begins to wait for the answer before it sends, and goes on waiting if it could not send.
            self._app.backend.remove_pending_result(self._app.AsyncResult(command_id))
            raise
