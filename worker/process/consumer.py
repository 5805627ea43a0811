"""Celery's consumer in this service: its heartbeat, what runs beside it, and answers that no task gives."""

import logging
from collections.abc import Sequence
from typing import Any

from celery import bootsteps

from contracts._redis.waits import Waits
from worker.process.chores import WorkerThreads, threads_beside
from worker.process.garbage import collect_less_garbage
from worker.process.heartbeat import BEAT_S, Heartbeat, begin_heartbeat
from worker.process.remote_control import RemoteControl
from worker.tasks.announce import Announcer
from worker.tasks.answer_store import AnswerStore
from worker.tasks.answers import Answer
from worker.tasks.envelope import answer_id_of, no_task
from worker.tasks.groups import GroupRun
from worker.tasks.single import SingleRun
from worker.transport import Delivery, Group
from worker.transport.consumer import Consumer as LosslessConsumer
from worker.transport.request import Request

logger = logging.getLogger(__name__)


class Pulse(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Beats from the worker's event loop, which also settles messages and renews leases."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._entry: Any = None

    def start(self, consumer: Any) -> None:
        consumer.alive()
        self._entry = consumer.timer.call_repeatedly(BEAT_S, consumer.alive)

    def stop(self, consumer: Any) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    shutdown = stop


class ServiceConsumer(LosslessConsumer):
    """Named by Celery's setting ``worker_consumer``; there is one in a worker, from its start to its end."""

    class Blueprint(LosslessConsumer.Blueprint):
        default_steps = (*LosslessConsumer.Blueprint.default_steps, RemoteControl, Pulse)

    _told = Waits(logger)
    _heartbeat: Heartbeat | None = None
    _beside: WorkerThreads | None = None

    def start(self) -> None:
        """Begin the heartbeat; then run until the worker ends."""
        self._heartbeat = begin_heartbeat(str(self.hostname), self.app.settings.heartbeat_dir)
        super().start()

    def on_ready(self) -> None:
        """Start what runs beside the worker, the first time that it is ready; a reconnect is another time."""
        super().on_ready()
        if self._beside is None:
            collect_less_garbage()
            self._beside = threads_beside(self.app, list(self.app.amqp.queues.consume_from))
            self._beside.start()

    def alive(self) -> None:
        """Beat: the main thread is not stuck."""
        if self._heartbeat is not None:
            self._heartbeat.beat()

    def apply_group(self, group: Group, requests: Sequence[Request]) -> None:
        """Apply commands together."""
        services = self.app.services
        answers = AnswerStore.of(services)
        announcer = Announcer(services.redis, answers, services.publisher, services.rejections)
        GroupRun(services, announcer, group, requests).run()

    def apply_single(self, request: Request) -> None:
        """Carry out a task of a shared queue, and answer it."""
        SingleRun(AnswerStore.of(self.app.services), request, self._told).run()

    def answer_unknown_tasks(self, deliveries: Sequence[Delivery]) -> None:
        """Answer messages that name no known task; they are parked as well."""
        answers = [
            Answer.failure(answer_id_of(delivery.headers, delivery.envelope.id), no_task(delivery.envelope))
            for delivery in deliveries
            if not delivery.headers.get("ignore_result")
        ]
        AnswerStore.best_effort(self.app.services).store_all(answers)

    def stop(self) -> None:
        """Take no more messages; what runs beside the worker ends meanwhile."""
        if self._beside is not None:
            self._beside.ask_to_stop()
        super().stop()

    def shutdown(self) -> None:
        """Give back what the worker holds, then end what runs beside it, and the heartbeat last."""
        super().shutdown()
        if self._beside is not None:
            self._beside.stop()
        if self._heartbeat is not None:
            self._heartbeat.end()
