"""Where a process's heartbeat comes from: the event loop of a worker, the ticks of beat."""

import logging
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps, signals

from worker.process.heartbeat import BEAT_S, Heartbeat, HeartbeatError, folder

logger = logging.getLogger(__name__)


class Pulse(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Beats from the worker's event loop, which also settles messages and renews leases."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._entry: Any = None

    def start(self, consumer: Any) -> None:
        alive: Callable[[], None] = consumer.app.alive
        alive()
        self._entry = consumer.timer.call_repeatedly(BEAT_S, alive)

    def stop(self, consumer: Any) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    shutdown = stop


def connect(app: Celery, directory: str) -> None:
    """Give the processes of ``app`` a heartbeat in ``directory``.

    ``app.alive`` is called by whatever shows that the main thread is not stuck: the event loop, and each
    attempt to reach the broker while it is away.
    """
    kept: list[Heartbeat] = []

    def begin(name: str) -> None:
        heartbeat = Heartbeat(name, folder(directory))
        try:
            heartbeat.begin()
        except HeartbeatError as fault:
            # Work comes before the telling of it; the health check finds nothing and says so.
            logger.error("no heartbeat: %s", fault)
            return
        kept.append(heartbeat)

    def alive() -> None:
        for heartbeat in kept:
            heartbeat.beat()

    def worker(sender: Any, instance: Any, **_: Any) -> None:
        if instance.app is app:
            begin(str(sender))

    def beat(sender: Any, **_: Any) -> None:
        if sender.app is not app:
            return
        begin("beat")
        scheduler = sender.scheduler
        tick = scheduler.tick

        def ticked(*args: Any, **kwargs: Any) -> Any:
            result = tick(*args, **kwargs)
            alive()
            return result

        scheduler.tick = ticked

    def end(**_: Any) -> None:
        while kept:
            kept.pop().end()

    app.alive = alive
    app.steps["consumer"].add(Pulse)
    app.conf.beat_max_loop_interval = 5
    signals.celeryd_after_setup.connect(worker, weak=False)
    signals.beat_init.connect(beat, weak=False)
    signals.worker_shutdown.connect(end, weak=False)
