"""Celery's beat in this service: the schedule of the app, and a heartbeat."""

from typing import Any

from celery import beat

from worker.process.heartbeat import Heartbeat, begin_heartbeat


class Scheduler(beat.Scheduler):  # type: ignore[misc]  # celery is untyped
    """Keeps nothing on disk: what is due is in the store. Each tick is a beat of its heartbeat."""

    _heartbeat: Heartbeat | None = None

    def setup_schedule(self) -> None:
        # Celery makes a lazy scheduler too, only to show what it would do.
        super().setup_schedule()
        self._heartbeat = begin_heartbeat("beat", self.app.settings.heartbeat_dir)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        interval = super().tick(*args, **kwargs)
        if self._heartbeat is not None:
            self._heartbeat.beat()
        return interval

    def close(self) -> None:
        super().close()
        if self._heartbeat is not None:
            self._heartbeat.end()
