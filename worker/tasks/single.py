"""A message of a shared queue, from its task to its settlement."""

import logging
import time

from contracts._redis.waits import Waits
from contracts.errors import ContractError, Unavailable
from worker.tasks.answer_store import AnswerStore, AnswersUnavailable
from worker.tasks.answers import Answer
from worker.tasks.base import ServiceTask
from worker.tasks.belong import check_queue
from worker.tasks.envelope import answer_id_of
from worker.tasks.outages import outage_of
from worker.transport.request import Request
from worker.transport.state import stop_requested

logger = logging.getLogger(__name__)

_WAIT_S = 0.5
"""The time between two tries to store an answer, in seconds."""


class SingleRun:
    """Answers one message by itself, and settles it.

    ``told``: what the log was told of servers that are away; of the process.
    """

    def __init__(self, answers: AnswerStore, request: Request, told: Waits) -> None:
        self._answers = answers
        self._request = request
        self._told = told

    def run(self) -> None:
        """Carry out the task, store its answer, and settle the message."""
        request, begun = self._request, time.monotonic()
        task: ServiceTask = request.task
        answer_id = answer_id_of(request.delivery.headers, request.id)
        failure: ContractError | None = None
        try:
            check_queue(request.type, request.delivery.queue)
            answer = Answer.success(answer_id, task.result(request.delivery))
        except ContractError as error:
            failure, answer = error, Answer.failure(answer_id, error)
            if isinstance(error, Unavailable) and error.__cause__ and (outage := outage_of(error)).is_refusal:
                self._told.tell(f"{request.type} is answered {error.code}", outage)
        if not request.ignore_result and not self._store(answer):
            # Delivered again, it is answered then.
            request.delivery.give_back()
        elif failure:
            logger.info("%s[%s] refused: %s", request.type, request.id, failure.code)
            request.fail(failure)
        else:
            logger.info("%s[%s] answered", request.type, request.id)
            request.succeed(time.monotonic() - begun)

    def _store(self, answer: Answer) -> bool:
        """Store the answer, however long its Redis is away; return False if the process must end before."""
        told = Waits(logger)
        while True:
            try:
                self._answers.store(answer)
            except AnswersUnavailable as outage:
                told.tell(f"the answer to {self._request.id} waits", outage_of(outage))
                # A read that was done must not be parked because of processes that end while it waits here.
                self._request.delivery.waiting()
                if stop_requested.wait(_WAIT_S):
                    return False
            else:
                return True
