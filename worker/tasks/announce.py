"""What a group tells: its events, then its answers, in one round trip where one Redis holds both."""

from collections.abc import Sequence
from typing import Any

from contracts._redis.outage import translate_outage
from worker.domain.events import Subject
from worker.events.publish import Publisher
from worker.events.rejections import Refusal, Rejections
from worker.tasks.answer_store import ANSWERS_AWAY, AnswerStore, AnswersUnavailable
from worker.tasks.answers import Answer


class Announcer:
    """Publishes the events of commands and stores their answers.

    ``events``: a redis-py client of the events; that of ``answers`` is the same one where the answers are in
    that Redis, else another.
    """

    def __init__(
        self, events: Any, answers: AnswerStore, publisher: Publisher, rejections: Rejections
    ) -> None:
        self._events = events
        self._answers = answers
        self._publisher = publisher
        self._rejections = rejections

    def send(
        self, subjects: Sequence[Subject], answers: Sequence[Answer], refusals: Sequence[Refusal]
    ) -> None:
        """Publish events, then store answers, then tell refusals, by best effort. May be called again.

        Raises: ``EventsUnavailable``, ``AnswersUnavailable``: what was not told must be told again.
        """
        if self._answers.client is not self._events:
            if subjects:
                self._publisher.publish_many(subjects)
            self._answers.store_all(answers)
            self._rejections.publish_all(refusals)
            return
        with self._events.pipeline(transaction=False) as pipe:
            events = self._publisher.queue(pipe, subjects)
            calls = self._answers.queue(pipe, answers)
            stored = events + len(calls)
            self._rejections.queue(pipe, refusals)
            with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                replies = pipe.execute(raise_on_error=False)
        self._rejections.collect(replies[stored:])
        # The events first: an answer must not be settled while its event is not out.
        self._publisher.collect(subjects, replies[:events])
        self._answers.collect(calls, replies[events:stored])
        self._answers.store_alone(answers)
