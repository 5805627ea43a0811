"""The events that say to Flower that a worker is there, without waiting for Redis."""

from typing import Any

from celery.worker.consumer.heart import Heart as CeleryStep
from celery.worker.heartbeat import Heart as CeleryHeart


class _Heart(CeleryHeart):  # type: ignore[misc]  # celery is untyped
    tref: Any

    def _send(self, event: str, **_: Any) -> Any:
        # Celery's own tries again until Redis is back: nothing else of the event loop has its turn meanwhile,
        # and that the connection is lost is never found out.
        return super()._send(event, retry=False)

    def cancel(self) -> None:
        """Send no more."""
        self.timer.cancel(self.tref)
        self.tref = None


class Heart(CeleryStep):  # type: ignore[misc]  # celery is untyped
    """Sends an event every two seconds; while Redis is away it is kept, and sent later."""

    def start(self, consumer: Any) -> None:
        """Begin to send."""
        consumer.heart = _Heart(consumer.timer, consumer.event_dispatcher, self.heartbeat_interval)
        consumer.heart.start()

    def stop(self, consumer: Any) -> None:
        """End sending; say so, unless the connection is lost: that would wait for Redis once more."""
        heart, consumer.heart = consumer.heart, None
        if heart is None:
            return
        if consumer.connection is None:
            heart.cancel()
        else:
            heart.stop()

    shutdown = stop
