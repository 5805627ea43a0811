"""Celery's result backend of a caller: it reads answers as the contract has them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from celery import states
from celery.backends.redis import RedisBackend, ResultConsumer

from contracts._client.decode import read_answer, unreadable
from contracts._client.unanswered import UnreadableAnswer
from contracts._redis.outage import redis_outage
from contracts._redis.patience import OutOfTime, patience
from contracts._redis.silence import Connection, SSLConnection
from contracts._redis.url import LATE_S, SILENT_S

_QUIET_S: Final = 1.0
"""A connection that brings no answer for so many seconds is asked whether it still works."""


class AnswerConsumer(ResultConsumer):  # type: ignore[misc]  # celery is untyped
    """Takes published answers. Only who waits for one that cannot be read learns of it."""

    def on_state_change(self, meta: dict[str, Any], message: Any) -> None:
        """Take what was published, or what was found after a reconnect."""
        if message is not None:
            channel = message["channel"]
            key = channel.decode() if isinstance(channel, bytes) else channel
            meta = _answer_to(key.removeprefix(self.backend.task_keyprefix.decode()), meta)
        if meta["task_id"] is not None:
            super().on_state_change(meta, message)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Celery's own waits for as long as another thread waits for Redis."""
        wait_s = patience(None)
        if not self._pubsub_lock.acquire(timeout=-1 if wait_s is None else wait_s):
            raise OutOfTime("another thread waits for it")
        try:
            with super()._locked():
                yield
        finally:
            self._pubsub_lock.release()

    def consume_from(self, task_id: str) -> None:
        """Listen for an answer; first for what came while nobody listened."""
        with self._locked():
            if self._pubsub is not None and self._pubsub.connection is not None:
                with self.reconnect_on_error():
                    self._look_after_what_was_cut(self._pubsub.connection)
            super().consume_from(task_id)

    def drain_events(self, timeout: float | None = None) -> None:
        """Take what is published; listen anew if Redis has fallen silent: nothing else would tell of it."""
        with self._locked(), self.reconnect_on_error():
            before = self._pubsub
            if before is not None and before.connection is not None:
                self._look_after(before.connection)
        # To listen anew finds what came meanwhile: there may be nothing to wait for.
        if self._pubsub is before:
            super().drain_events(_until_it_is_late(timeout))

    def _look_after(self, connection: Connection) -> None:
        """Raise what reconnects if nothing can come any more; ask for a sign of life if nothing came."""
        self._look_after_what_was_cut(connection)
        if not connection.is_open or connection.can_read(timeout=0):
            return
        if connection.is_silent:
            raise redis.TimeoutError("Redis is silent")
        quiet_s = time.monotonic() - connection.heard_at
        if connection.asked_at is None and quiet_s > _QUIET_S and self.subscribed_to:
            # Once more what is subscribed to: a PING would get an answer of another form.
            self._pubsub.subscribe(next(iter(self.subscribed_to)))

    def _look_after_what_was_cut(self, connection: Connection) -> None:
        """Raise what reconnects if a wait was ended in the middle: redis-py would listen again, and what came
        meanwhile would never be found.
        """
        if self.subscribed_to and not connection.is_open:
            raise redis.ConnectionError("the wait for it was ended")

    def _reconnect_pubsub(self) -> None:
        """Listen anew; then look once more: what came between Celery's look and the subscription was
        published to nobody.
        """
        super()._reconnect_pubsub()
        if self.subscribed_to:
            # The confirmation, which is the first answer.
            self._pubsub.get_message(timeout=patience(SILENT_S))
            for meta in filter(None, self.backend.client.mget(self.subscribed_to)):
                self.on_state_change(self._decode_result(meta), None)

    def leave(self, task_id: str) -> None:
        """Listen anew, and no more for an answer that Redis refuses this user: if the refusal of its
        subscription was not read yet, the next caller would take it for its own.
        """
        with self._locked():
            self.subscribed_to.discard(self._get_key_for_task(task_id))
            self._reconnect()


class AnswerBackend(RedisBackend):  # type: ignore[misc]  # celery is untyped
    """Celery's own would unpack what is compressed, and make any exception that is imported."""

    ResultConsumer = AnswerConsumer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_tls = "ssl_cert_reqs" in self.connparams
        self.connparams["connection_class"] = SSLConnection if is_tls else Connection

    def decode_result(self, payload: bytes | str) -> dict[str, Any]:
        """Return an answer, or a failure without an id."""
        try:
            return read_answer(payload)
        except UnreadableAnswer as error:
            return {"status": states.FAILURE, "result": error, "task_id": None}

    def get_task_meta(self, task_id: str, cache: bool = True) -> dict[str, Any]:
        """Return what is stored under an id."""
        return _answer_to(task_id, super().get_task_meta(task_id, cache=cache))

    def get(self, key: Any) -> Any:
        """Return what is stored at a key, or None if it is no text: an answer takes its place."""
        try:
            return self.ensure(super().get, (key,))
        except redis.ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                return None
            raise

    def on_connection_error(self, max_retries: int, exc: Exception, intervals: Any, retries: int) -> float:
        """Return when to connect again. To who is refused that brings nothing: the time would pass, and what
        is refused be told to nobody.
        """
        if redis_outage(exc, "").is_refusal:
            raise exc
        return float(super().on_connection_error(max_retries, exc, intervals, retries))

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Do nothing: who waits for an answer subscribes under its own id."""


def _until_it_is_late(wait_s: float | None) -> float | None:
    """Return ``wait_s``, or what is left to the caller's own timeout: Celery looks at it once a second."""
    left_s = patience(None)
    if left_s is None:
        return wait_s
    left_s = max(0.0, left_s - LATE_S)
    return left_s if wait_s is None else min(wait_s, left_s)


def _answer_to(task_id: str, meta: dict[str, Any]) -> dict[str, Any]:
    if meta["status"] not in states.READY_STATES or meta["task_id"] == task_id:
        return {**meta, "task_id": task_id}
    error = unreadable("it is of another command") if meta["task_id"] else meta["result"]
    return {
        "status": states.FAILURE,
        "result": error,
        "task_id": task_id,
        "traceback": None,
        "children": [],
    }
