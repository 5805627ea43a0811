"""A client for Python callers: sends commands, waits for answers.

It is a thin hand over ``Celery.send_task``; any other Celery client does as well.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Self
from uuid import uuid4

import celery
import redis
from celery.exceptions import TimeoutError as CeleryTimeout
from kombu.exceptions import OperationalError

from contracts import errors
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
from contracts._client.late_answer import drop_late_answer
from contracts._client.outcome import BatchOutcome
from contracts._client.unanswered import AskTimeout, RedisUnavailable
from contracts._redis.outage import is_redis_outage
from contracts.catalog import BY_TASK, task_of
from contracts.headers import AUTHORIZATION, OWN, REPOSITORIES, TRACEPARENT
from contracts.partition import queue_of
from contracts.values import is_command_id

__all__ = ["AskTimeout", "BatchOutcome", "PluginClient", "RedisUnavailable"]


@contextmanager
def _redis() -> Iterator[None]:
    try:
        yield
    except OperationalError as fault:
        raise RedisUnavailable(f"Redis does not answer: {fault}") from fault
    except redis.RedisError as fault:
        if is_redis_outage(fault):
            raise RedisUnavailable(f"Redis does not answer: {fault}") from fault
        raise
    except RuntimeError as fault:
        # How Celery's result consumer says that it could not connect again.
        if isinstance(fault.__cause__, redis.RedisError):
            raise RedisUnavailable(f"Redis does not answer: {fault.__cause__}") from fault
        raise


class PluginClient:
    """Sends the nine operations and batches of them.

    ``redis_url`` is the broker and, unless ``results_url`` is given, the result backend. ``partitions`` is
    the deployment's ``PLUGINS_COMMAND_PARTITIONS``: with the wrong number commands still arrive, but batches
    are refused. ``token`` goes along as ``authorization: Bearer``. ``own_only`` has reads look into the local
    and managed repositories only. Threads may share it, and forks, each of which has connections of its own.
    Use it as a context manager, or ``close`` it.

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
        """The app of this process: a fork does not touch the sockets of the one that it came from."""
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
        """Send and forget; returns the command id. Send the same id again after a doubt: it has one effect.

        ``operation`` is a verb (``register``) or a task name (``plugin.register``); ``params`` are its
        keyword arguments. The command is not applied when ``expires_s`` have passed. Raises
        ``RedisUnavailable``, and ``InvalidParameter`` for what is larger than a command may be, for a
        ``command_id`` that is none, and for an ``expires_s`` of more than 1e9.
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
        """Send and wait for the answer.

        Raises an error of ``contracts.errors``; ``AskTimeout`` when no answer came in time;
        ``RedisUnavailable``. What ``send`` refuses is ``InvalidParameter`` at once.
        """
        begun = time.monotonic()
        sent = self._send(operation, params, command_id, expires_s, traceparent, ignore_result=False)
        while True:
            try:
                return self._answer(sent, timeout_s, begun)
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
        """Apply many writes fast, and wait for every outcome, in the order given.

        Each command is ``{"operation", "params"}`` and may have an ``id`` (one is made where it is missing).
        They are sent as batches that fit the limits, one partition each; the commands of one plugin take
        effect in the order given. Where a whole batch is refused, each of its items has that error; a command
        that is larger than a batch may be is not sent.

        Before anything is sent, raises ``ValueError`` for an operation that is no write and for an id given
        twice, ``InvalidParameter`` for an ``expires_s`` of more than 1e9. ``AskTimeout`` when not all answers
        came in time, and ``RedisUnavailable``: send it all again with their ``ids``.
        """
        items = items_of(commands)
        check_expires(expires_s)
        try:
            outcomes = self._outcomes(frames_of(items, self._partitions), timeout_s, expires_s)
        except (AskTimeout, RedisUnavailable) as fault:
            fault.ids = tuple(item["id"] for item in items)
            raise
        return [outcomes[item["id"]] for item in items]

    def _outcomes(
        self, frames: list[Frame], timeout_s: float, expires_s: float | None
    ) -> dict[str, BatchOutcome]:
        with _redis():
            sent = [self._send_frame(frame, expires_s) for frame in frames]
        outcomes: dict[str, BatchOutcome] = {}
        begun = time.monotonic()
        for frame, result in zip(frames, sent, strict=True):
            try:
                rows = self._answer(result, timeout_s, begun) if result is not None else too_large(frame)
            except errors.ContractError as refusal:
                rows = [{"id": item["id"], "error": refusal.as_dict()} for item in frame.items]
            for row in rows:
                outcomes[row["id"]] = BatchOutcome.of(row)
        return outcomes

    def _send_frame(self, frame: Frame, expires_s: float | None) -> Any:
        """None for one that no worker would take."""
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
        with _redis():
            if command_id is not None and not ignore_result:
                # What an earlier sending of this id was answered with is not the answer to this one.
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
            # Celery waits for an answer before it sends, and goes on waiting for one to what it did not send.
            self._app.backend.remove_pending_result(self._app.AsyncResult(command_id))
            raise

    def _answer(self, result: Any, timeout_s: float, begun: float) -> Any:
        left_s = max(0.001, begun + timeout_s - time.monotonic())
        forget = result.forget
        with _redis():
            try:
                # Inside a Celery task too: whoever answers is another deployment's worker, not this one.
                return result.get(timeout=left_s, disable_sync_subtasks=False)
            except CeleryTimeout:
                raise AskTimeout(result.id, timeout_s) from None
            except errors.DeadlineExceeded:
                forget = partial(drop_late_answer, result)
                raise
            finally:
                forget()
