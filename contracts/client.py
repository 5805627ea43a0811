"""A client for Python callers. Any other Celery client can send the same messages."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import celery

from contracts._client.answer import awaiting, redis_errors, wait_for_answer
from contracts._client.answers import Answers
from contracts._client.app import client_app
from contracts._client.ask_many import ManyQuestions
from contracts._client.batch import Batches
from contracts._client.command import id_of, queue_for
from contracts._client.compose import Composer
from contracts._client.frames import check_expires, check_size
from contracts._client.outcome import BatchOutcome
from contracts._client.send_many import send_many
from contracts._client.sender import Sender
from contracts._client.unanswered import AskTimeout, RedisRefused, RedisUnavailable, UnreadableAnswer
from contracts._redis.patience import within
from contracts._redis.url import LATE_S, SEND_S
from contracts.catalog import BY_TASK, task_of
from contracts.headers import ANSWER_ID, AUTHORIZATION, OWN, REPOSITORIES, TRACEPARENT, new_answer_id

__all__ = [
    "AskTimeout",
    "BatchOutcome",
    "PluginClient",
    "RedisRefused",
    "RedisUnavailable",
    "UnreadableAnswer",
]


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
        self._apps = {os.getpid(): client_app(*self._urls)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def _app(self) -> celery.Celery:
        """The app of this process: a fork must not use the sockets of its parent."""
        pid = os.getpid()
        return self._apps.get(pid) or self._apps.setdefault(pid, client_app(*self._urls))

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

        Raises: ``RedisUnavailable``, within 10 s, and of it ``RedisRefused`` if Redis refuses this user;
        ``InvalidParameter`` for a command that is too large, a wrong ``command_id``, or a wrong
        ``expires_s``; ``ValueError`` for an unknown operation.
        """
        with within(SEND_S):
            return self._send(operation, params, id_of(command_id), expires_s, traceparent)

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

        ``timeout_s``: how long to wait for the answer, in seconds, default 10; up to one more if Redis is
        away. The other parameters are those of ``send``.

        Raises: an error of ``contracts.errors``; ``AskTimeout`` if no answer came in time;
        ``UnreadableAnswer``; and what ``send`` raises.
        """
        begun, sent_id = time.monotonic(), id_of(command_id)
        # The new id of a read is as secret as an answer id, and workers of 0.1.0 know no answer ids: two
        # deployments that ask each other are upgraded one after the other.
        is_secret = command_id is None and not BY_TASK[task_of(operation)].is_write
        result = self._app.AsyncResult(sent_id if is_secret else new_answer_id(sent_id))
        with within(timeout_s + LATE_S):
            self._send(operation, params, sent_id, expires_s, traceparent, result)
            return wait_for_answer(result, sent_id, timeout_s, begun)

    def send_many(
        self,
        commands: Iterable[Mapping[str, Any]],
        *,
        expires_s: float | None = None,
        traceparent: str | None = None,
    ) -> list[str]:
        """Send many commands fast, without waiting for answers, and return their ids.

        Each is a message of its own; those for one queue arrive in the order given. A sequence is checked
        before anything is sent. Another iterable is read while its commands are sent: an error of it, or of a
        command, comes when most of those before it are sent.

        ``commands``: each is ``{"operation", "params"}``, and may have an ``id``, default a new UUID.
        ``expires_s``, ``traceparent``: as those of ``send``, for each command.

        Raises: what ``send`` raises; ``ValueError`` also for an id that is used twice, and a command without
        operation or params. ``RedisUnavailable``: send those that its ``ids`` name again, with these ids.
        """
        return send_many(commands, self._sender(expires_s, traceparent))

    def ask_many(
        self,
        commands: Iterable[Mapping[str, Any]],
        *,
        timeout_s: float = 60.0,
        expires_s: float | None = None,
        traceparent: str | None = None,
        window: int = 1000,
    ) -> Iterator[BatchOutcome]:
        """Send many commands fast, and yield their outcomes as the answers come, in any order.

        They are sent as by ``send_many``, while you take the outcomes. One that is too large or has a wrong
        id is not sent: its outcome is ``InvalidParameter``.

        ``commands``, ``expires_s``, ``traceparent``: as those of ``send_many``.
        ``timeout_s``: how long to wait for an answer after its command was sent, in seconds, default 60.
        ``window``: how many may wait for their outcomes, at least 1, default 1000. It bounds the memory.

        Raises: ``ValueError`` as ``send_many``; ``AskTimeout`` and ``RedisUnavailable``, with the commands
        that were read and have no outcome in ``ids``: send them again with these ids.
        """
        sender = self._sender(expires_s, traceparent, timeout_s)
        answers = Answers(self._app.backend, timeout_s)
        return ManyQuestions(sender, answers, window).ask(commands)

    def batch(
        self,
        commands: Iterable[Mapping[str, Any]],
        *,
        timeout_s: float = 60.0,
        expires_s: float | None = None,
        flush_s: float = 0.05,
    ) -> list[BatchOutcome]:
        """Apply many writes fast, and return every outcome, in the order given.

        The commands are sent as batches that fit the limits, one partition each. The commands of one plugin
        take effect in the order given. If a whole batch is refused, each of its items has that error. A
        command that is larger than a batch may be is not sent.

        ``commands``, ``expires_s``: as those of ``send_many``, but writes only.
        ``timeout_s``: how long to wait for an answer after its batch was sent, in seconds, default 60.
        ``flush_s``: how long a batch is filled while commands are read, in seconds, 0 or more, default 0.05.

        Raises: ``ValueError`` as ``send_many``, for an operation that is not a write, and for ``flush_s``;
        ``InvalidParameter`` for a wrong ``expires_s``: for a sequence before anything is sent. Later,
        ``AskTimeout`` and ``RedisUnavailable``: send all commands again with their ``ids``.
        """
        sender = self._sender(expires_s, None, timeout_s)
        answers = Answers(self._app.backend, timeout_s)
        return Batches(sender, answers, flush_s).apply(commands, self._partitions)

    def _sender(self, expires_s: float | None, trace: str | None, timeout_s: float | None = None) -> Sender:
        """Return what sends. ``timeout_s``: for the answers; None: they are not wanted."""
        check_expires(expires_s)
        composer = Composer(self._headers_with(trace), expires_s, timeout_s is None)
        return Sender(self._app, self._partitions, composer, timeout_s)

    def _headers_with(self, traceparent: str | None) -> dict[str, str]:
        return self._headers | ({TRACEPARENT: traceparent} if traceparent else {})

    def _send(
        self,
        operation: str,
        params: Mapping[str, Any],
        sent_id: str,
        expires_s: float | None,
        traceparent: str | None,
        result: Any = None,
    ) -> str:
        """Send a command, and return its id. ``result``: of Celery's backend; None: no answer is wanted."""
        task = task_of(operation)
        check_size(task, params)
        check_expires(expires_s)
        headers = self._headers_with(traceparent)
        if result is not None and result.id != sent_id:
            headers[ANSWER_ID] = result.id
        queue = queue_for(task, dict(params), self._partitions)
        with redis_errors(queue, f"_kombu.binding.{queue}"), awaiting(result):
            sent = self._app.send_task(
                task,
                task_id=sent_id,
                kwargs=dict(params),
                queue=queue,
                expires=expires_s,
                headers=headers or None,
                ignore_result=result is None,
            )
        # Nobody waits for it: its end must not ask the result backend to stop waiting.
        sent.backend = None
        return sent_id
