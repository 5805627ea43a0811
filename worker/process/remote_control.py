"""Remote control: off, or a panel that only looks, in a thread beside the worker."""

import logging
import time
from typing import Any, Final

import redis
from celery import bootsteps

from contracts._redis.outage import is_redis_outage, translate_outage
from worker.process.mailbox import Question, channel, read_question, reply_list, reply_message
from worker.process.panel import NO_PATTERNS, Panel
from worker.process.periodic import Periodic
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.transport.tally import Tally

logger = logging.getLogger(__name__)

WAIT_S: Final = 1.0
"""How long one run waits for a first question, in seconds."""

BUSY_S: Final = 0.02
PAUSE_S: Final = 0.1
"""A flood of questions gets so many seconds of a processor, then the worker's own threads so many."""

ANSWERS_AT_ONCE: Final = 4
MAX_ANSWER_BYTES: Final = 256 * 1024
KEPT_S: Final = 10
MAX_ANSWERS: Final = 1_000
"""What is answered in one run, its size, how many seconds it is kept, and how many may wait on one list."""

MOST_BEHIND: Final = 50
"""After so many runs in a row that do not come to an end of the questions, those that wait are dropped."""

TOLD_S: Final = 60.0
"""The shortest time between two lines of the log about questions that were refused, in seconds."""


class Listener:
    """Hears the questions to a worker, and answers them: a chore.

    ``client``: a client of the Redis of the commands, by ``open_redis``.
    """

    name = "the panel of remote control"
    interval_s = PAUSE_S

    def __init__(self, client: Any, panel: Panel) -> None:
        self._redis = client
        self._panel = panel
        self._line: Any = None
        self._behind = 0
        self._left = Tally(TOLD_S)

    def run(self) -> None:
        """Answer the questions that there are; wait up to a second for a first one.

        Raises: ``BrokerUnavailable``.
        """
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            try:
                self._hear()
            except redis.RedisError:
                self.close()
                raise

    def close(self) -> None:
        """Drop what waits, and listen anew in the next run."""
        self._behind = 0
        if self._line is not None:
            self._line.close()
            self._line = None

    def _hear(self) -> None:
        if self._line is None:
            self._line = self._redis.pubsub(ignore_subscribe_messages=True)
            self._line.subscribe(channel(self._redis))
        message = self._line.get_message(timeout=WAIT_S)
        if message is None and self._line.connection.is_silent:
            # What listens is told of nothing, not even of its end.
            self.close()
            return
        ends, answers = time.monotonic() + BUSY_S, 0
        while message is not None:
            answers += self._take(message["data"])
            if answers >= ANSWERS_AT_ONCE or time.monotonic() >= ends:
                break
            message = self._line.get_message(timeout=0)
        self._behind = self._behind + 1 if message is not None else 0
        if self._behind >= MOST_BEHIND:
            self.close()
        self._tell()

    def _take(self, raw: bytes) -> bool:
        """Answer a question; return whether there was one for this worker."""
        question = read_question(raw)
        if question is None:
            self._left.add({"unreadable": 1})
            return False
        if question.destination and self._panel.hostname not in question.destination:
            return False
        answer = self._answer(question)
        if isinstance(answer, dict) and "error" in answer:
            self._left.add({"refused": 1})
        if question.reply_to is not None:
            self._reply(question, answer)
        return True

    def _answer(self, question: Question) -> Any:
        if question.pattern and not question.destination:
            return {"error": NO_PATTERNS}
        return self._panel.answer(question.method, question.arguments)

    def _reply(self, question: Question, answer: Any) -> None:
        routing_key, hostname = str(question.reply_to), self._panel.hostname
        raw = reply_message(hostname, answer, routing_key, question.ticket)
        if len(raw) > MAX_ANSWER_BYTES:
            error = {"error": f"the answer has {len(raw)} bytes, at most {MAX_ANSWER_BYTES} are sent"}
            raw = reply_message(hostname, error, routing_key, question.ticket)
        key = reply_list(routing_key)
        try:
            waiting = self._redis.lpush(key, raw)
            if waiting == 1:
                # Its reader may have gone.
                self._redis.expire(key, KEPT_S)
            elif waiting > MAX_ANSWERS:
                self._redis.ltrim(key, 0, MAX_ANSWERS - 1)
        except redis.ResponseError as error:
            if is_redis_outage(error):
                raise
            # Somebody keeps something else under the key.
            self._left.add({"without a list for the answer": 1})

    def _tell(self) -> None:
        if text := self._left.take():
            logger.warning("remote control: messages refused or not readable: %s", text)


class RemoteControl(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Opens the panel if the settings say so; it stands in the place of Celery's own step."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._thread: Periodic | None = None

    def include_if(self, consumer: Any) -> bool:
        return bool(consumer.app.settings.remote_control)

    def start(self, consumer: Any) -> None:
        if self._thread is None:
            listener = Listener(consumer.app.services.broker, Panel(consumer))
            self._thread = Periodic("remote control", [listener])
            self._thread.start()

    def stop(self, consumer: Any) -> None:
        """Do nothing: the consumer reconnects, and the panel has a connection of its own."""

    def shutdown(self, consumer: Any) -> None:
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
