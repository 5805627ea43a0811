"""Celery's beat in this service: the schedule of the app, and a heartbeat."""

import logging
from functools import cached_property
from typing import Any

from celery import beat

from contracts._redis.outage import redis_outage
from contracts._redis.waits import Waits
from worker.process.heartbeat import Heartbeat, begin_heartbeat

logger = logging.getLogger(__name__)


class Scheduler(beat.Scheduler):  # type: ignore[misc]  # celery is untyped
    """Keeps nothing on disk: what is due is in the store. Each tick is a beat of its heartbeat."""

    _heartbeat: Heartbeat | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._waits = Waits(logger)
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        # Celery makes a lazy scheduler too, only to show what it would do.
        super().setup_schedule()
        self._heartbeat = begin_heartbeat("beat", self.app.settings.heartbeat_dir)

    @cached_property
    def connection(self) -> Any:
        """The connection to the Redis of the commands, which is tried once each time."""
        return self.app.connection_for_write(transport_options={"max_retries": 0})

    @cached_property
    def producer(self) -> Any:
        """What sends. It connects when it is used: Celery's own waits for Redis, however long, and no tick
        comes meanwhile.
        """
        return self.Producer(self.connection, auto_declare=False)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except beat.SchedulingError as error:
            # The next one is due soon. Celery's own logs two stacks each time that Redis is away, or full.
            self._waits.tell("a tick is not sent", redis_outage(error.__context__, str(error)))
        else:
            self._waits.over()

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        interval = super().tick(*args, **kwargs)
        if self._heartbeat is not None:
            self._heartbeat.beat()
        return interval

    def close(self) -> None:
        super().close()
        if self._heartbeat is not None:
            self._heartbeat.end()
