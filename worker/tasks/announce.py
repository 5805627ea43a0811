"""What a group tells: its events, then its answers, in one round trip where one Redis holds both."""

from collections.abc import Sequence
from typing import Any

from contracts._redis.outage import translate_outage
from worker.domain.events import Subject
from worker.events.publish import Publisher
from worker.events.rejections import Refusal, Rejections
from worker.tasks.answers import (
    ANSWERS_AWAY,
    Answer,
    AnswersUnavailable,
    collect_answers,
    queue_answers,
    store_answers,
)


class Announcer:
    """Publishes the events of commands and stores their answers.

    ``events``: a redis-py client of the events; ``answers``: the same one where the answers are in that
    Redis, else another.
    """

    def __init__(self, events: Any, answers: Any, publisher: Publisher, rejections: Rejections) -> None:
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
        if self._answers is not self._events:
            if subjects:
                self._publisher.publish_many(subjects)
            store_answers(self._answers, answers)
            self._rejections.publish_all(refusals)
            return
        with self._events.pipeline(transaction=False) as pipe:
            events = self._publisher.queue(pipe, subjects)
            chunks = queue_answers(pipe, answers)
            stored = events + len(chunks)
            self._rejections.queue(pipe, refusals)
            with translate_outage(AnswersUnavailable, ANSWERS_AWAY):
                replies = pipe.execute(raise_on_error=False)
        self._rejections.collect(replies[stored:])
        # The events first: an answer must not be settled while its event is not out.
        self._publisher.collect(subjects, replies[:events])
        collect_answers(self._answers, chunks, replies[events:stored])
