"""Where the answers of tasks are stored: Celery's Redis backend, which waits for its Redis as long as the
process runs.

Without its answer a read is not done: Celery would take what the backend raises for an error of the task,
answer with that, and acknowledge.
"""

from functools import cached_property
from typing import Any

import redis
from celery import current_task, states
from celery.backends.redis import RedisBackend
from celery.exceptions import Reject

from contracts._redis.connect import FAIL_FAST_OPTIONS
from contracts._redis.outage import is_redis_outage
from contracts.errors import ContractError
from worker.tasks.answers import KEPT_S, store_answer
from worker.transport import Delivery
from worker.transport.state import stop_requested

BACKEND = "worker.tasks.results:AnswerBackend"
"""The name of the backend for Celery, which takes it as ``BACKEND+redis://...``."""

CONFIGURATION: dict[str, Any] = {
    "result_expires": KEPT_S,
    "result_backend_always_retry": True,
    "result_backend_max_sleep_between_retries_ms": 1000,
    # The waiting is done in one place, which knows when the process is to end.
    "result_backend_transport_options": {"retry_policy": {"max_retries": 0}},
}
"""The settings of Celery that the backend needs."""


class AnswerBackend(RedisBackend):  # type: ignore[misc]  # celery is untyped
    """The result backend of a worker; the app names it in front of the URL of its Redis."""

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        return isinstance(exc, redis.RedisError) and is_redis_outage(exc)

    def refuse(self, command_id: str, refusal: ContractError) -> None:
        """Answer a message that no task was given, by best effort: a Redis that is away is not waited for.

        Raises redis-py's errors.
        """
        answer = self.encode_result(refusal, states.FAILURE)
        self._fail_fast._store_result(command_id, answer, states.FAILURE)

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: Any = None,  # noqa: ARG002  # Celery gives it by name
        request: Any = None,
        **_: Any,
    ) -> Any:
        # Celery's own reads the old answer first, one more round trip, so that no failure replaces a success.
        # Here each delivery is answered with what is so now. Its caller learns nothing of the code behind it.
        meta = self._get_result_meta(result=result, state=state, traceback=None, request=request)
        self._set_with_state(self.get_key_for_task(task_id), self.encode({**meta, "task_id": task_id}), state)
        return result

    def _set(self, key: str, value: Any, expires: int | None = None) -> None:
        store_answer(self.client, key, value, expires or KEPT_S)

    @cached_property
    def _fail_fast(self) -> "AnswerBackend":
        backend = AnswerBackend(app=self.app, url=self.url)
        backend.connparams.update(FAIL_FAST_OPTIONS)
        return backend

    def _sleep(self, amount: float) -> None:
        # A read that was done must not be parked because of processes that end while they wait here.
        delivery = getattr(getattr(current_task, "request", None), "delivery", None)
        if isinstance(delivery, Delivery):
            delivery.waiting()
        if stop_requested.wait(amount):
            # The returned message is delivered again, and then answered.
            raise Reject("the process is stopping", requeue=True)
