"""Where answers are stored: Celery's Redis backend, which waits for its Redis as long as the process runs.

An effect without its answer is not done: Celery would take what the backend raises for an error of the task,
answer with that, and acknowledge.
"""

from functools import cached_property
from typing import Any

import redis
from celery import current_task, states
from celery.backends.redis import RedisBackend
from celery.exceptions import Reject

from contracts._redis.connect import HASTY_OPTIONS
from contracts._redis.outage import is_outage
from contracts.errors import ContractError
from worker.transport import Delivery
from worker.transport.state import stop_requested

CONFIGURATION: dict[str, Any] = {
    "result_expires": 3600,
    "result_backend_always_retry": True,
    "result_backend_max_sleep_between_retries_ms": 1000,
    # The waiting is done in one place, which knows when the process is to end.
    "result_backend_transport_options": {"retry_policy": {"max_retries": 0}},
}
"""What Celery is to be told with it."""


class Results(RedisBackend):  # type: ignore[misc]  # celery is untyped
    """The result backend of a worker."""

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        return isinstance(exc, redis.RedisError) and is_outage(exc)

    def refuse(self, command_id: str, refusal: ContractError) -> None:
        """Answer a message that no task was given, as well as it goes: nothing waits for a Redis that is
        away. Raises redis-py's errors.
        """
        answer = self.encode_result(refusal, states.FAILURE)
        self._hasty._store_result(command_id, answer, states.FAILURE)

    @cached_property
    def _hasty(self) -> "Results":
        hasty = Results(app=self.app, url=self.url)
        hasty.connparams.update(HASTY_OPTIONS)
        return hasty

    def _sleep(self, amount: float) -> None:
        # What has its effect is not to be parked for the ends of processes that only wait to tell of it.
        delivery = getattr(getattr(current_task, "request", None), "delivery", None)
        if isinstance(delivery, Delivery):
            delivery.waiting()
        if stop_requested.wait(amount):
            # Given back, the message is delivered again, and answered by whoever applies it then.
            raise Reject("the process is stopping", requeue=True)
